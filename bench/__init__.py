"""Measurements beside a peer in the same run: `make bench`. They print ratios and assert nothing."""
