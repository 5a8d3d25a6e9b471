"""Training of heads: small classifiers on the detector's frozen features, beside other candidates on the same data."""
