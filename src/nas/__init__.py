"""The example application: it trains a small image classifier with Lightning, configured by Hydra."""
