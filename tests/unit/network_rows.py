"""The network's faults, row by row, and the tests that inject each of them. Data; test_network_rows holds it true.

A row's tests are `file::test`, without `tests/` and `.py`. A test with parameters stands for all of them.
"""

from __future__ import annotations

from typing import Dict, NamedTuple, Tuple


class Row(NamedTuple):
    """One fault: its name, and where it is injected. `note` says what is not as simple as the row."""

    fault: str
    tests: Tuple[str, ...]
    note: str = ""


ROWS: Dict[str, Row] = {
    "N1": Row("connection refused", (
        "unit/test_http_faults::test_refused_loopback_asks_whether_the_server_runs",
        "unit/test_http_errors::test_refused_loopback_is_not_tried_again",
        "qt/test_panel_errors::test_a_refused_connection_says_so_and_the_chip_tells_the_truth")),
    "N2": Row("a name that is not known", (
        "unit/test_http_faults::test_unknown_host_is_named",
        "unit/test_http_names::test_unknown_name_is_looked_up_once_more_after_a_second",
        "unit/test_http_names::test_failed_name_is_remembered_for_ten_seconds_and_no_longer",
        "unit/test_http_wire::test_machine_without_a_network_names_the_host")),
    "N3": Row("a name server that hangs", (
        "unit/test_http_names::test_silent_name_server_is_given_up_after_its_deadline",
        "unit/test_http_names::test_hanging_lookups_do_not_pile_up_or_hold_up_other_work")),
    "N4": Row("a black hole", (
        "unit/test_http_wire::test_black_hole_ends_on_the_connect_clock",
        "unit/test_http_faults::test_stop_while_connecting")),
    "N5": Row("TLS on a plain port, and the other way round", (
        "unit/test_http_tls::test_plain_server_behind_an_https_url_is_named",
        "unit/test_http_tls::test_tls_server_behind_an_http_url_is_an_error",
        "unit/test_http_rows::test_plain_answer_of_a_tls_port_and_silence_are_errors")),
    "N6": Row("certificates that are expired, self-signed or another's", (
        "unit/test_http_tls::test_bad_certificate_is_refused",
        "unit/test_http_tls::test_certificates_are_always_checked",
        "unit/test_http_tls::test_studio_root_in_the_settings_is_trusted")),
    "N7": Row("no head of an answer", (
        "unit/test_http_faults::test_silence_before_the_head_ends_on_the_first_clock",
        "unit/test_http_rows::test_clocks_are_a_minute_and_local_servers_may_load_for_five",
        "unit/test_http_providers::test_loading_is_told_while_the_head_is_withheld")),
    "N8": Row("a stall in mid-stream", (
        "unit/test_http_faults::test_silence_between_events_ends_on_the_second_clock",
        "unit/test_http_faults::test_clock_between_events_does_not_wait_for_the_first_ones",
        "unit/test_http_rows::test_stall_in_mid_answer_keeps_what_came_and_may_be_continued",
        "qt/test_panel_transport::test_answer_that_broke_off_can_be_continued"),
        "Until the first words the clock of the first words runs: a model may think between its name and them."),
    "N9": Row("a trickle, and keep-alives for ever", (
        "unit/test_http_faults::test_dripped_bytes_that_make_no_event_are_silence",
        "unit/test_http_faults::test_keepalives_hold_the_line_but_not_for_ever")),
    "N10": Row("a reset in mid-stream", (
        "unit/test_http_faults::test_broken_answer_is_an_error_and_keeps_what_came",
        "unit/test_http_faults::test_what_arrived_before_a_reset_reaches_a_slow_reader",
        "unit/test_turn::test_nothing_is_retried_after_the_first_token")),
    "N11": Row("an end without the last chunk", (
        "unit/test_http_faults::test_broken_answer_is_an_error_and_keeps_what_came",)),
    "N12": Row("a body that just ends", (
        "unit/test_http_rows::test_connection_that_just_ends_is_no_success",
        "unit/test_broken_streams::test_answer_cut_anywhere_is_never_a_false_success")),
    "N13": Row("half open after a sleep", (
        "unit/test_http_wire::test_other_end_that_disappears_ends_on_the_event_clock_and_is_found_again",
        "unit/test_http_wire::test_connection_that_died_in_a_sleep_is_found_out_long_before_the_event_clock",
        "unit/test_http_wire::test_connection_that_survived_a_sleep_goes_on",
        "unit/test_http_wake::test_gap_between_the_clocks_is_a_sleep",
        "unit/test_http_wake::test_idle_connections_from_before_a_sleep_are_not_used")),
    "N14": Row("a Content-Length that is not reached", (
        "unit/test_http_faults::test_broken_answer_is_an_error_and_keeps_what_came",)),
    "N15": Row("a status line that is none", (
        "unit/test_http_faults::test_broken_answer_is_an_error_and_keeps_what_came",)),
    "N16": Row("a chunk size that is none", (
        "unit/test_http_faults::test_broken_answer_is_an_error_and_keeps_what_came",)),
    "N17": Row("a huge header, and a hundred thousand", (
        "unit/test_http_faults::test_broken_answer_is_an_error_and_keeps_what_came",
        "unit/test_http_faults::test_hundred_thousand_headers_are_refused")),
    "N18": Row("2,000 times 100 Continue", (
        "unit/test_http_faults::test_broken_answer_is_an_error_and_keeps_what_came",
        "unit/test_http_faults::test_few_interim_answers_are_fine")),
    "N19": Row("very long lines", (
        "unit/test_http_faults::test_five_mebibyte_line_passes",
        "unit/test_http_rows::test_eight_mebibyte_event_is_read_and_nine_are_refused_with_what_came",
        "unit/test_wire::test_endless_line_is_refused")),
    "N20": Row("an endless stream", (
        "unit/test_http_faults::test_endless_stream_stops_at_the_cap",
        "unit/test_http_rows::test_endless_answer_ends_at_its_cap_in_little_memory",
        "unit/test_http_faults::test_stop_under_a_flood")),
    "N21": Row("a gzip bomb", (
        "unit/test_http_faults::test_bomb_does_not_hold_up_the_loop",
        "unit/test_http_faults::test_compressed_json_is_read_up_to_the_cap",
        "unit/test_http::test_stream_asks_for_no_compression")),
    "N22": Row("bad gzip", ("unit/test_http_faults::test_broken_answer_is_an_error_and_keeps_what_came",)),
    "N23": Row("a web page instead of an answer", (
        "unit/test_http_providers::test_web_page_is_no_answer",
        "unit/test_http_rows::test_sign_in_page_shows_its_beginning_without_its_tags")),
    "N24": Row("204, and an empty 200", (
        "unit/test_http_rows::test_empty_answer_is_an_error_and_no_empty_bubble",)),
    "N25": Row("an error inside a good stream", (
        "unit/test_http_rows::test_error_inside_a_good_stream_keeps_the_part_before_it",
        "unit/test_recorded_streams::test_recorded_answer_over_a_socket")),
    "N26": Row("bytes that are no UTF-8, characters cut in two", (
        "unit/test_http_rows::test_characters_cut_between_packets_arrive_whole",
        "unit/test_http_rows::test_bytes_that_are_no_utf8_become_replacement_characters",
        "unit/test_broken_streams::test_mutated_bodies_end_once_and_the_same_however_they_are_cut")),
    "N27": Row("every kind of line end, BOM, comments, ids", (
        "unit/test_wire::test_events_are_framed_however_they_are_cut",
        "unit/test_wire::test_recorded_body_is_framed_however_it_is_cut")),
    "N28": Row("JSON that is none, NaN, depth", (
        "unit/test_http_rows::test_one_unreadable_event_is_skipped_and_ten_are_an_error",
        "unit/test_wire::test_bad_or_bottomless_json_is_refused",
        "campaigns/test_fuzz_decoders::test_mutated_answers_surprise_no_framer_and_no_decoder")),
    "N29": Row("half a surrogate", (
        "unit/test_http_rows::test_half_a_surrogate_is_stored_and_shown",
        "unit/test_answer::test_half_a_character_without_its_other_half_becomes_a_replacement")),
    "N30": Row("a redirect to another host", (
        "unit/test_http::test_redirect_is_refused_and_nothing_reaches_its_target",
        "campaigns/test_redirect_capture::test_no_second_request_leaves_after_a_redirect")),
    "N31": Row("a redirect to a file, or in circles", (
        "unit/test_http_rows::test_https_redirect_never_leads_to_plain_http_a_file_or_round_in_circles",
        "unit/test_http::test_odd_redirects_are_refused")),
    "N32": Row("a redirect from https to http", (
        "unit/test_http_rows::test_https_redirect_never_leads_to_plain_http_a_file_or_round_in_circles",
        "campaigns/test_redirect_capture::test_no_second_request_leaves_after_a_redirect")),
    "N33": Row("401 and 403", (
        "unit/test_http_rows::test_refusal_is_explained_and_not_tried_again",
        "qt/test_panel_errors::test_an_http_error_has_its_own_sentence_and_a_working_retry",
        "unit/test_http::test_key_is_masked_wherever_a_server_echoes_it")),
    "N34": Row("429 with any Retry-After", (
        "unit/test_http_rows::test_any_retry_after_ends_in_an_answer_or_a_named_wait",
        "unit/test_retry::test_retry_after_is_honoured_within_the_budget",
        "unit/test_retry::test_back_off_is_jittered_and_capped"),
        "All waits of a turn together stay under 60 s, in a batch under 120 s; a longer one is left to the human."),
    "N35": Row("a storm of 429 over a batch", (
        "unit/test_origin_limit::test_storm_of_refusals_loses_and_doubles_nothing",
        "unit/test_origin_limit::test_refusals_of_one_round_halve_once_and_answers_recover_slowly",
        "unit/test_origin_limit::test_two_providers_at_one_origin_share_its_patience")),
    "N36": Row("500, 502, 503, 529", (
        "unit/test_http_rows::test_servers_trouble_is_tried_twice_more_and_no_further",
        "unit/test_turn::test_nothing_is_retried_after_the_first_token")),
    "N37": Row("413, and a conversation that is too long", (
        "unit/test_http_rows::test_refusal_is_explained_and_not_tried_again",
        "unit/test_classify::test_context_error_shows_both_numbers")),
    "N38": Row("proxies in the environment", (
        "unit/test_proxy_env::test_house_is_never_proxied_whatever_the_environment_says",
        "unit/test_proxy_env::test_settings_turn_the_environments_proxy_off",
        "unit/test_proxy_env::test_dead_proxy_of_the_environment_is_named_and_the_way_around_it",
        "unit/test_proxy_env::test_proxy_of_the_environment_that_wants_a_password_is_named",
        "unit/test_http::test_netrc_is_not_read"),
        "aiohttp's trust_env is off. The system's proxy is followed for hosts outside, by rules of our own."),
    "N39": Row("an answer during the upload", (
        "unit/test_http_faults::test_server_that_answers_during_the_upload_is_heard",)),
    "N40": Row("a connection that was closed while it was idle", (
        "unit/test_http::test_idle_connections_that_the_server_closed_are_replaced_silently",
        "unit/test_http_rows::test_stale_connection_is_replaced_once_and_only_if_it_died_at_once",
        "unit/test_http_rows::test_many_stale_connections_cost_one_more_request_each",
        "unit/test_http::test_request_is_not_sent_again_once_an_answer_began")),
    "N41": Row("tool calls in pieces, out of order, unknown, invalid", (
        "unit/test_openai_quirks::test_parallel_calls_are_told_apart_by_index",
        "unit/test_openai_quirks::test_arguments_that_are_no_object_are_never_valid",
        "unit/test_turn_tools::test_what_cannot_be_run_is_told_to_the_model",
        "unit/test_turn_tools::test_arguments_are_checked_against_the_schema",
        "campaigns/test_fuzz_decoders::test_mutated_answers_surprise_no_framer_and_no_decoder")),
    "N42": Row("a tool call and a cut", (
        "unit/test_http_rows::test_unknown_tool_and_cut_call_never_run",
        "unit/test_broken_streams::test_answer_cut_anywhere_is_never_a_false_success")),
    "N43": Row("a clock that jumps a day", (
        "unit/test_http_wake::test_clock_that_is_set_in_the_middle_of_a_stream_ends_nothing",
        "unit/test_http_rows::test_clock_of_the_wall_decides_no_deadline",
        "unit/test_store::test_messages_come_in_the_order_they_were_stored_whatever_the_clock_says")),
    "N44": Row("very many streams at once", (
        "unit/test_origin_limit::test_panels_have_16_places_and_batches_64",
        "campaigns/test_many_streams::test_every_event_of_every_stream_arrives_once")),
    "N45": Row("Stop in every phase", (
        "campaigns/test_stop_everywhere::test_stop_ends_a_turn_at_once",
        "unit/test_turn_stop::test_stop_during_back_off")),
    "N46": Row("a model server that is killed and started again", (
        "unit/test_http_rows::test_model_server_that_is_killed_and_started_again_is_found_again",)),
    "N47": Row("loopback of one family", (
        "unit/test_http_faults::test_loopback_by_name_finds_the_family_that_listens",
        "unit/test_http_faults::test_ipv6_loopback_works",
        "unit/test_http_rows::test_localhost_that_nobody_serves_names_every_address")),
    "N48": Row("WebSocket frames", (
        "unit/test_network_rows::test_nothing_here_opens_a_websocket",),
        "The product opens no WebSocket; the test keeps it so."),
    "N49": Row("a session on the wrong thread, or closed", (
        "unit/test_http_rows::test_client_is_refused_on_another_thread_before_anything_is_sent",
        "unit/test_http::test_other_loops_are_refused",
        "unit/test_http::test_closed_client_refuses_on_its_loop_and_closing_twice_is_fine")),
    "N50": Row("loss, delay, 56 kbit/s", (
        "unit/test_http_wire::test_slow_and_lossy_line_is_only_slower",)),
}
