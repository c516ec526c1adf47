"""Pictures and clips on disk: probe, prepare, read, write. One ffmpeg process an item."""
