"""What neural families share: batches of histories, the training loop, the loss, the export to ONNX."""
