"""The optimizer, which proposes candidates for trials: Ax, behind a protocol with ask and tell."""
