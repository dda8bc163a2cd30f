"""The application that is searched: a small image classifier, trained with Lightning, configured by Hydra."""
