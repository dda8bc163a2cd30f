"""`python train.py` trains one network, `python train.py -m hydra/sweeper=ax_moo` searches for good ones."""

import warnings

import hydra
from omegaconf import DictConfig

# Hydra 1.3 asks for a version_base, Hydra 1.4 for none.
warnings.filterwarnings("ignore", message="The version_base parameter is deprecated")
# Hydra 1.3 knows the sweeper's own config by the name of the file with this application's search.
warnings.filterwarnings("ignore", message="\\s*'hydra/sweeper/ax_moo' is validated")


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> dict[str, float]:
    # Imported in the job: the sweep itself needs no Lightning, which takes seconds to import.
    from nas.train import run

    return run(config)


if __name__ == "__main__":
    main()
