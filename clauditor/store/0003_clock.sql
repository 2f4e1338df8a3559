-- What tells a clock that is right from one that is far ahead (store/believing.py).

-- One row: until when the clock is believed, and since when and until when it was seen far beyond that.
CREATE TABLE clock (
    key         INTEGER PRIMARY KEY CHECK (key = 1),
    believed_at REAL NOT NULL,
    leapt_at    REAL,
    seen_at     REAL
);
