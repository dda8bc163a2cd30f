"""Names that torchmetrics imports where there is a torchvision."""

box_area = box_convert = box_iou = complete_box_iou = distance_box_iou = generalized_box_iou = None
