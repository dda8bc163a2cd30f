"""Writes report.html, a sweep as one self-contained HTML page."""
