"""The optimizers inside other people's trainers: what to log, and callbacks for TensorBoard, Lightning and Hugging Face."""
