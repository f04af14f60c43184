"""From files to records: discovery, tailing, rotation, decompression."""
