"""As much of torchvision as lightning-hydra-template uses, with random images: nothing is downloaded in a test."""
