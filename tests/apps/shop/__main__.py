"""`python -m tests.apps.shop`: serve the shop until SIGTERM or SIGINT."""

import argparse
import signal
import threading
from collections.abc import Sequence

from tests.apps.shop.app import App
from tests.apps.shop.faults import FAULTS
from tests.apps.shop.looks import LOOKS
from tests.apps.shop.server import ShopServer


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    app = App(LOOKS[options.look], options.seed, frozenset(options.fault))
    with ShopServer((options.host, options.port), app) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
        thread.start()
        print(f"READY {server.url}", flush=True)
        stop.wait()
        server.shutdown()
        thread.join()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.apps.shop", description="A small web shop for tests.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--fault", action="append", default=[], choices=FAULTS, help="a bug to have; may be repeated")
    parser.add_argument("--look", type=int, default=0, choices=range(len(LOOKS)), help="words, routes and markup")
    parser.add_argument("--seed", type=int, default=0, help="which products at which prices")
    return parser


if __name__ == "__main__":
    main()
