# `make demo`, `make test` and `make check` work on a bare clone: the environment is made on first use.
PYTHON ?= python3
BIN := .venv/bin
DEMO := runs/demo

.PHONY: demo test check clean

.venv/installed: pyproject.toml constraints.txt
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[all,dev]"
	touch $@

test: .venv/installed
	$(BIN)/python -m pytest

check: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

demo: .venv/installed
	rm -rf $(DEMO)
	$(BIN)/python -m yolo_tl.data.sample $(DEMO)/voc --images 120
	$(BIN)/yolo-tl convert $(DEMO)/voc $(DEMO)/data
	$(BIN)/yolo-tl train $(DEMO)/data --weights yolov5n.yaml --out $(DEMO)/run --imgsz 160 --epochs 25 --batch 8
	$(BIN)/yolo-tl export $(DEMO)/run/weights/best.pt --data $(DEMO)/data --out $(DEMO)/bundle
	$(BIN)/yolo-tl predict $(DEMO)/bundle $(DEMO)/data/images/test --out $(DEMO)/predictions

clean:
	rm -rf .venv runs
