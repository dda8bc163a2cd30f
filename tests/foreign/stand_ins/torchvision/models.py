"""Names that torchmetrics imports where there is a torchvision."""

VGG16_Weights = resnet50 = vgg16 = None
