package main

// runs are the benchmarks that the figures come from.
var runs = []run{
	{"latchkey/device/cache", "Lookup|Open", "1s"},
	{"latchkey/keypad", "Frame|Bus", "1s"},
	{"latchkey/cmd/latchkeyd", "Attempt", "20x"},
	{"latchkey/cmd/latchkeyd", "Process|Binary", "1x"},
	{"latchkey/cmd/latchkey-controller/internal/link", "Fanout", "5x"},
	{"latchkey/cmd/latchkey-controller/internal/link", "Snapshot", "3x"},
}

// figures are the reader's promises.
var figures = []figure{
	{"look-up among 1,000,000, to one among 1,000 (medians)", "Lookup/1000000 median-ns", "Lookup/1000 median-ns", "times", 1.5},
	{"look-up among 1,000,000, to SHA-256 of the bytes it reads", "Lookup/1000000 x-sha256", "", "times", 3},
	{"  look-up among 1,000,000, median", "Lookup/1000000 median-ns", "", "ns", 0},
	{"allocations of a look-up", "Lookup/1000000 allocs/op", "", "", 16},
	{"opening 1,000,000 credentials and 4,096 short deltas", "Open/1000000_and_short_deltas ns/op", "", "ns", 50e6},
	{"opening 1,000,000 credentials and 1 MiB of long deltas", "Open/1000000_and_long_deltas ns/op", "", "ns", 50e6},
	{"resident memory for them above empty, short deltas", "Open/1000000_and_short_deltas MB-resident", "", "MB", 8},
	{"resident memory for them above empty, long deltas", "Open/1000000_and_long_deltas MB-resident", "", "MB", 8},
	{"on the disk", "Open/1000000_and_short_deltas bytes/credential", "", "bytes a credential", 100},
	{"frame of 240 x 320 drawn and converted", "Frame/home-greeting ns/op", "", "ns", 1e6},
	{"bytes on the panel's bus for a key press, to two a changed pixel", "Bus bus-bytes/changed-byte", "", "times", 1.3},
	{"Presented to strike, beyond the longer of Argon2id and one fdatasync", "Attempt ms-beyond-argon2id-or-fdatasync", "", "ms", 2},
	{"  Argon2id in the same run", "Attempt ms-argon2id", "", "ms", 0},
	{"  one fdatasync in the same run", "Attempt ms-fdatasync", "", "ms", 0},
	{"fdatasyncs between finger and strike", "Attempt fdatasyncs-before-strike", "", "", 1},
	{"fdatasyncs for a whole attempt", "Attempt fdatasyncs-per-attempt", "", "", 2},
	{"bytes written for a whole attempt", "Attempt bytes-per-attempt", "", "bytes", 8192},
	{"firmware for arm64, static, stripped", "Binary MB", "", "MB", 10},
	{"resident memory, idle", "Process MB-resident-idle", "", "MB", 24},
	{"resident memory, most, after ten PINs", "Process MB-resident-most", "", "MB", 48},
	{"messages for a change, with 1,000 links", "Fanout messages/change", "", "", 1},
	{"links that have applied it later than in 1 s", "Fanout %-late", "", "%", 1},
	{"  99 of 100 have applied it within", "Fanout ms-99%", "", "ms", 0},
	{"fdatasyncs for it, a link", "Fanout fdatasyncs/delta", "", "", 1},
	{"snapshot of 1,000,000 over the link, to its bytes through paho and the same broker alone", "Snapshot x-alone", "", "times", 2},
	{"  its rate", "Snapshot MB/s", "", "MB/s", 0},
	{"  look-ups meanwhile, all right", "Snapshot look-ups", "", "", 0},
	{"resident memory for it above idle", "Snapshot MB-rise", "", "MB", 16},
}
