"""Small classifiers on the detector's own features: one forward pass serves boxes and heads."""
