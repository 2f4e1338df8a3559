-- What tells a file that is as Clauditor left it from one that changed on the disk (store/sums.py), and a clock that is
-- right from one that is far ahead (store/believing.py).

-- One row, another number after each time the sums of the pages were written: the sums beside the file are those of
-- this very state of it.
CREATE TABLE seal (
    key    INTEGER PRIMARY KEY CHECK (key = 1),
    number INTEGER NOT NULL
);
INSERT INTO seal VALUES (1, random() & 0x3fffffffffffffff);

-- One row: until when the clock is believed, and since when and until when it was seen far beyond that.
CREATE TABLE clock (
    key         INTEGER PRIMARY KEY CHECK (key = 1),
    believed_at REAL NOT NULL,
    leapt_at    REAL,
    seen_at     REAL
);
