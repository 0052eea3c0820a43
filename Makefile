# Everything a person runs. `make` alone lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CMAKE_BUILD := build/cmake

.DEFAULT_GOAL := help
.PHONY: help setup core protos test test-full sanitize lint format bench bench-load bench-serving bench-scale bench-sasrec bench-large demo serve clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.ready ## make .venv with everything in it

$(VENV)/.ready: pyproject.toml setup.py tools/setup.sh
	PYTHON=$(PYTHON) tools/setup.sh $(VENV)
	@touch $@

core: $(VENV)/.ready ## rebuild the C++ core in place, incrementally
	@$(BIN)/cmake -S . -B $(CMAKE_BUILD) -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN))/ninja \
	  -DPython_EXECUTABLE=$(abspath $(BIN))/python -Dpybind11_DIR=$$($(BIN)/python -m pybind11 --cmakedir) \
	  -DRECSTREAM_WERROR=ON --log-level=WARNING
	@$(BIN)/cmake --build $(CMAKE_BUILD)
	@$(BIN)/cmake --install $(CMAKE_BUILD) --prefix . >/dev/null

protos: setup ## generate recstream/v1 from proto/
	$(BIN)/python tools/generate_protos.py

test: lint ## the checks of `lint`, then the tests: what CI runs
	$(BIN)/pytest -q -m "not full"

test-full: core ## run the long campaigns as well
	$(BIN)/pytest -q --timeout=0

build/googleapis: setup
	@mkdir -p $@/google/rpc
	@cp $$($(BIN)/python -c "import google.rpc as p; print(p.__path__[0])")/status.proto $@/google/rpc/

# One build of the core for each kind of sanitizers; processor time is what it takes, so that it runs by itself.
SANITIZE_SECONDS := 15
sanitize: $(VENV)/.ready ## stress the core under ASan with UBSan and under TSan, the native front under the former
	@for kinds in address,undefined thread; do \
	  folder=build/sanitize-$${kinds%%,*} && \
	  $(BIN)/cmake -S . -B $$folder -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN))/ninja \
	    -DPython_EXECUTABLE=$(abspath $(BIN))/python -Dpybind11_DIR=$$($(BIN)/python -m pybind11 --cmakedir) \
	    -DCMAKE_BUILD_TYPE=RelWithDebInfo -DRECSTREAM_SANITIZE=$$kinds -DRECSTREAM_STRESS=ON --log-level=WARNING && \
	  $(BIN)/cmake --build $$folder --target recstream_stress && \
	  UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1 \
	    $$folder/tests/core/stress/recstream_stress $(SANITIZE_SECONDS) && echo "$$kinds: no report" || exit 1; \
	done
	@# Not under TSan: in a gRPC that is not built with it, it sees no lock, and reports thousands of races in seconds.
	@if ! pkg-config --exists grpc++; then echo "front: left out, as there is no gRPC C++"; exit 0; fi; \
	$(BIN)/cmake --build build/sanitize-address --target recstream_front_storms recstream_front_parsers && \
	for program in storms parsers; do \
	  UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
	    build/sanitize-address/tests/server/native/stress/recstream_front_$$program $(SANITIZE_SECONDS) || exit 1; \
	done; echo "front: no report"

lint: core build/googleapis ## ruff, mypy, stubtest, import direction, clang-format, clang-tidy, buf, generated code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest --mypy-config-file pyproject.toml recstream._core \
	  $$($(BIN)/python -c 'import recstream._transport as t; print(t.__name__)' 2>/dev/null)
	$(BIN)/lint-imports
	$(BIN)/clang-format --dry-run --Werror $$(git ls-files '*.h' '*.cpp')
	git ls-files 'csrc/*.cpp' ':!csrc/bindings' \
	  $$(grep -q csrc/transport $(CMAKE_BUILD)/compile_commands.json || echo ':!csrc/transport') | xargs -n 4 -P 2 $(BIN)/clang-tidy --quiet -p $(CMAKE_BUILD) \
	  --extra-arg=-Wno-unknown-warning-option  # the build may be GCC's
	$(BIN)/buf lint
	$(BIN)/python tools/generate_protos.py --check

format: setup ## format Python and C++
	$(BIN)/ruff check --fix-only -q .
	$(BIN)/ruff format -q .
	$(BIN)/clang-format -i $$(git ls-files '*.h' '*.cpp')

bench: core ## run the benchmarks and write benchmarks/results
	$(BIN)/pip install -q --no-build-isolation -e '.[bench]'
	$(BIN)/python -m benchmarks.als
	$(BIN)/python -m benchmarks.bpr
	$(BIN)/python -m benchmarks.event_log
	$(BIN)/python -m benchmarks.front --rounds 1 --json benchmarks/results/front.json
	$(BIN)/python -m benchmarks.fold_in
	$(BIN)/python -m benchmarks.encoders --json benchmarks/results/encoders.json
	$(BIN)/recstream train --model als --data ml-1m --out build/ml-1m.bundle --overwrite
	$(BIN)/python -m benchmarks.sessions --bundle build/ml-1m.bundle
	$(BIN)/python -m benchmarks.shared_scan --json benchmarks/results/shared_scan.json
	$(BIN)/python -m benchmarks.snapshots --json benchmarks/results/snapshots.json
	$(BIN)/python -m benchmarks.topk

bench-large: core ## exact search beside FAISS at 1M and 5M items: about an hour
	$(BIN)/python -m benchmarks.large_catalogues

bench-load: core ## `recstream load` beside h2load, which must be installed
	$(BIN)/python -m benchmarks.load_client --json benchmarks/results/load_client.json

bench-serving: core ## the server beside echo servers and peers made with faiss; the goals take about 20 minutes
	$(BIN)/python -m benchmarks.serving --goals

build/rectools/.ready:
	$(PYTHON) -m venv build/rectools
	build/rectools/bin/pip install -q torch==2.13.0 'rectools[torch]==0.19.0'
	@touch $@

bench-sasrec: core build/rectools/.ready ## an epoch of SASRec beside RecTools, which gets an environment of its own
	$(BIN)/python -m benchmarks.sasrec --rectools-python build/rectools/bin/python

bench-scale: core ## memory, start and answers by items, users and events, in sizes for a small machine
	$(BIN)/python -m benchmarks.scale --quick

demo: core ## ml-100k: train, serve, and see events change an answer
	$(BIN)/python examples/demo.py

serve: core ## the demo's server, left running
	$(BIN)/python examples/demo.py --serve

clean: ## remove what was built
	rm -rf build $(VENV) recstream/*.so
