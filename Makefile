# The usual verbs; `make help` lists them.
.PHONY: help run test check style docs bench lock newest oldest

PYTHON = python3
# `make newest TORCH=2.13.0` keeps torch there, and with it the torchvision that belongs to it.
TORCH =
# `make lock UPGRADE=--upgrade` raises every pin that the ranges let rise.
UPGRADE =

COMPILE = uv pip compile -q pyproject.toml
LOCK = $(COMPILE) $(UPGRADE) --universal --python-version 3.11 --excludes tools/left-out.txt \
	--no-annotate --custom-compile-command 'make lock'
# A new virtual environment, first on PATH and gone at the end.
FRESH = set -e; place=$$(mktemp -d); trap 'rm -rf "$$place"' EXIT; \
	$(PYTHON) -m venv "$$place/venv"; PATH="$$place/venv/bin:$$PATH"

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

docs:   ## the documentation, into build/docs/index.html
	sphinx-build -q -W --keep-going -b html docs build/docs

bench:  ## every figure of docs/measured.md
	python -m benchmarks

# The smaller lock takes its versions from the larger one, so that the two agree.
lock:   ## both locks anew from pyproject.toml
	$(LOCK) --extra app --extra dev --extra timm --extra tables --extra cluster -c tools/pins.txt -o requirements-dev.txt
	$(LOCK) --extra app -c requirements-dev.txt -o requirements.txt

newest: ## every test with the newest versions that the ranges allow
	$(FRESH); pip install -q $(TORCH:%=torch==%) -e '.[app,dev,timm]'; pip check; pytest

oldest: ## the library's tests with the oldest versions that the ranges allow
	$(FRESH); echo '$(TORCH:%=torch==%)' | \
	$(COMPILE) - --extra timm --extra tables --resolution lowest-direct --python "$$place/venv/bin/python" \
		--excludes tools/left-out.txt -o "$$place/oldest.txt"; \
	pip install -q -r "$$place/oldest.txt" pytest pytest-timeout hypothesis networkx; pip check; \
	pytest tests/vit_attention tests/visualizer tests/worlds
