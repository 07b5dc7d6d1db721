# The usual verbs; `make help` lists them.
.PHONY: help run test check style bench

help:   ## this list
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

run:    ## open the app
	streamlit run app.py

test:   ## every test
	pytest

check:  ## lint, format and types, changing nothing
	ruff check .
	ruff format --check .
	mypy

style:  ## mend lint and format
	ruff check --fix .
	ruff format .

bench:  ## every figure of the README
	python -m benchmarks
