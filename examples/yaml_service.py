"""Run a configuration file from Python, as the command does; ends with SIGTERM or Ctrl-C.

python examples/yaml_service.py config/kubecost-to-cloudtuner.yaml
"""

import logging
import sys

from otel_kubecost import ConfigError, Service


def main(path: str) -> None:
    logging.basicConfig(level=logging.INFO)  # the library logs where its program says
    try:
        service = Service.from_yaml(path)
    except ConfigError as error:
        sys.exit(str(error))
    service.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
