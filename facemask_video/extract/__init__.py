"""Training crops out of videos and pictures: aligned, measured, curated, split and laid out."""
