"""Training crops out of videos and pictures: cut, measured, curated, split and laid out."""
