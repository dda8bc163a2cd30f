"""One cold training of the application, whose metrics go to RECORD.

python one_training.py RECORD OUTPUT OVERRIDE...
"""

import json
import sys
from pathlib import Path

from hydra import compose, initialize_config_dir

CONF = Path(__file__).parents[2] / "conf"


def main(record: str, output: str, *overrides: str) -> None:
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        config = compose("config", [f"output_dir={output}", *overrides])
    from nas.train import train  # as train.py does

    Path(output).mkdir(parents=True)
    outcome = train(config)
    path = Path(record)
    path.with_suffix(".tmp").write_text(json.dumps(outcome))
    path.with_suffix(".tmp").rename(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
