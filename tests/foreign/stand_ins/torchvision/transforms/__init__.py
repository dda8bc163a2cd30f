from torchvision.transforms.transforms import Compose, Normalize, ToTensor

__all__ = ["Compose", "Normalize", "ToTensor"]
