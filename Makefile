# make run · make test · make check · make bench · make proof. On Windows, and where there is no make, each is
# `python .ci/legs.py run` (test, check, bench, proof). LEGS=all runs the whole matrix.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
LEGS ?= here
ARGS ?=

.PHONY: run test check bench proof pins docs
run:
	@$(PYTHON) .ci/legs.py run $(ARGS)
test:
	@$(PYTHON) .ci/legs.py test --legs $(LEGS) $(ARGS)
check:
	@$(PYTHON) .ci/legs.py check
bench:
	@$(PYTHON) .ci/legs.py bench $(ARGS)
proof:
	@$(PYTHON) .ci/legs.py proof $(ARGS)
pins:
	@$(PYTHON) .ci/legs.py pins
