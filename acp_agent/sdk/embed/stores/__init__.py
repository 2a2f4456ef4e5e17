"""Sessions kept whole: data, the stores they lie in, saving and resuming. Know no model.

Start reading at `keeping`.
"""
