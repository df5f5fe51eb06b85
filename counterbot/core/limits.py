"""Every limit on what others write, in one place. Sizes are bytes, times are seconds."""

EVENT_LINE = 1 << 20
"""A Gerrit event; Gerrit itself caps a comment at 16 KiB and a commit message far below this."""

NAME = 255
"""Characters of a job's, project's, branch's or pipeline's name; Zuul keeps them in database columns of this width."""

URL = 2_000
"""Of a job's line; browsers stop here too."""

COUNTERS_FILE = 8 << 20
"""One counters document or performance.json."""

VALUES = 250_000
"""In such a file, by its commas and opening brackets; each takes 60 to 300 bytes of memory, however short."""

DOCUMENTS = 1_000
"""JSON documents in one counters file, and in all files of a build; a collector appends one a run."""

COUNTERS = 20_000
"""Names in one counters document, and in all of a build; a full SHOW GLOBAL STATUS has about 600."""

FAILURES = 1_000
"""Collectors and groups that gave nothing, likewise."""

COUNTER_NAME = 200
"""Characters of a counter's name with its group."""

DIGITS = 30
"""Digits of a whole number; 2**64 has twenty."""

MANIFEST_FILE = 4 << 20
"""A job of a few thousand files has well under 1 MB."""

MANIFEST_NODES = 50_000
MANIFEST_DEPTH = 64
MANIFEST_PATH = 1_000
"""Characters: a manifest repeats a folder's name in the path of every file below it."""

API_ANSWER = 4 << 20
STREAM_PACKED = 256 << 20
STREAM_UNPACKED = 2 << 30
"""A subunit stream before and after decompression; a whole Tempest run has about 100 MB unpacked."""

PACKETS = 8_000_000
"""In one subunit stream, whose shortest have 8 bytes; a whole Tempest run has about 60,000."""

STREAMS = 32
"""Subunit streams, or returned artifacts, read from one build."""

ATTACHMENT = COUNTERS_FILE

DOWNLOAD_SECONDS = 120
"""In all, for one file, from the request to the last byte."""

READING_SECONDS = 300
"""Before the last of a build's files is asked for; with it, less than a piece of work is leased for."""

RULE_FILE = 1 << 20
"""A rule or the configuration; the longest of elastic-recheck's queries have a few KiB. The next two keep the
time to read a file below a second, whatever is in it."""

RULE_VALUES = 10_000
"""Keys and values in such a file; a bound is three of them."""

PATTERN = 255
"""Characters of a shell pattern; the names that Zuul knows are no longer. To compile one takes a microsecond or ten
and half a KiB for each character."""

MISTAKE = 1_000
"""What is told of one mistake in such a file."""

COMMENT = 16_000
"""Gerrit refuses messages over 16 KiB (change.commentSizeLimit)."""

IRC_LINE = 350
"""Of 512, what is left for text after the server has put our full prefix before it, with room to spare."""

EVENTS_LOG_ANSWER = 128 << 20
"""Of the events-log plugin: 5,000 events unless Gerrit's administrator changed that, most of 2 to 5 KB."""

SSH_ANSWER = 32 << 20
"""What one command may print. A change's messages have 3 MiB in all (change.cumulativeCommentSizeLimit)."""

EXCERPT, EXCERPT_SOURCE = 300, 16 << 10
"""Bytes of a log line that are shown, and of it that are looked at for that."""

FAILED_TESTS, TESTS = 10, 100_000
"""Failed tests of a build that are kept with their tracebacks, and by name; a whole Tempest run has about 2,000."""

TEST_NAME = 500
"""Bytes of a test's name."""

INVENTORY = 4 << 20
"""A job's inventory.yaml; one of a hundred required projects has about 100 KB."""

LOG_PACKED, LOG_UNPACKED = 512 << 20, 2 << 30
"""One log file before and after decompression; the largest of a DevStack job have some 50 MB unpacked."""

LOGS, LOGS_UNPACKED = 500, 4 << 30
"""Log files that are read of one build, and their bytes in all; a DevStack job has some 500 MB."""

LOGS_AT_ONCE = 4
"""Files that are read of a build at the same time, to hide what a store takes to answer."""

LINES_AT_ONCE = 2
"""Files of a build whose lines are kept that are read at the same time: that takes our own time, and others need it."""

LOGS_SECONDS = 120
"""Of all of them; with READING_SECONDS for the build's counters, less than a piece of work is leased for."""
