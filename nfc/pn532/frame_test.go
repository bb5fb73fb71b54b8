package pn532

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"latchkey/nfc"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func TestFramesAreFoundWhateverStandsAroundThem(t *testing.T) {
	for _, c := range []struct {
		in   string
		kind frameKind
		data string
		err  error
	}{
		{"00 00 FF 06 FA D5 03 32 01 06 07 E8 00", frameInfo, "03 32 01 06 07", nil},
		{"01 00 FF 06 FA D5 03 32 01 06 07 E8", frameInfo, "03 32 01 06 07", nil},
		{"00 FF 06 FA D5 03 32 01 06 07 E8 AA AA", frameInfo, "03 32 01 06 07", nil},
		{"01 AA 55 00 00 00 00 FF 03 FD D5 4B 00 E0 00 00", frameInfo, "4B 00", nil},
		{"00 00 FF FF FF 00 03 FD D5 4B 00 E0 00", frameInfo, "4B 00", nil},
		{"00 FF 12 34 00 00 FF 03 FD D5 4B 00 E0 00", frameInfo, "4B 00", nil}, // a false start
		{"01 00 00 FF 00 FF 00", frameACK, "", nil},
		{"01 00 FF 00 FF 00 AA", frameACK, "", nil},
		{"00 00 FF FF 00 00", frameNACK, "", nil},
		{"00 00 FF 01 FF 7F 81 00", frameSyntaxError, "", nil},
		{"", 0, "", errNoFrame},
		{"FF FF FF FF FF FF FF FF", 0, "", errNoFrame},
		{"00 00 00 00 00 00 00 00", 0, "", errNoFrame},
		{"00 FF 00 00 00 00", 0, "", errNoFrame},             // no length
		{"00 00 FF FF FF 01 0A F5 D5 00", 0, "", errNoFrame}, // 266 bytes
		{"00 00 FF FF FF 00", 0, "", errTruncated},
		{"00 00 FF 06 FA D5 03 32 01 06 07", 0, "", errTruncated},
		{"00 00 FF 06 FA D5 03 32 01 06 17 E8 00", 0, "", errChecksum},
		{"00 00 FF 06 FA D4 03 32 01 06 07 E9 00", 0, "", errDirection}, // our own
		{"00 00 FF 01 FF D5 2B 00", 0, "", errDirection},                // no code
	} {
		kind, data, err := parseFrame(unhex(c.in))
		if kind != c.kind || !bytes.Equal(data, unhex(c.data)) || err != c.err {
			t.Errorf("%s: %d, % X, %v", c.in, kind, data, err)
		}
	}
}

func TestTheLongestExtendedFrameIsTaken(t *testing.T) {
	b := unhex("00 00 FF FF FF 01 09 F6 D5 4B")
	b = append(b, make([]byte, 263)...)
	if _, data, err := parseFrame(append(b, 0xE0, 0x00)); err != nil || len(data) != 264 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

func TestFramesAreBuiltAsTheUserManualShows(t *testing.T) {
	for body, want := range map[string]string{
		"02":       "00 00 FF 02 FE D4 02 2A 00",
		"4A 01 00": "00 00 FF 04 FC D4 4A 01 00 E1 00",
	} {
		if got := appendFrame(nil, unhex(body)...); !bytes.Equal(got, unhex(want)) {
			t.Errorf("%s: % X", body, got)
		}
	}
}

func TestTargetsAreTakenApartWithinBounds(t *testing.T) {
	for _, c := range []struct {
		in  string
		uid string
		err error
	}{
		{"00", "", nil},
		{"01 01 00 04 08 04 00 02 03 04", "00 02 03 04", nil},
		{"01 01 00 44 00 07 04 01 02 03 04 05 06", "04 01 02 03 04 05 06", nil},
		{"01 01 03 44 20 07 04 01 02 03 04 05 06 06 75 77 81 02 80", "04 01 02 03 04 05 06", nil},
		{"01 01 00 04 08 0A 00 01 02 03 04 05 06 07 08 09", "00 01 02 03 04 05 06 07 08 09", nil},
		{"", "", ErrTarget},
		{"01", "", ErrTarget},
		{"02 01 00 04 08 04 01 02 03 04", "", ErrTarget},             // two
		{"01 01 00 04 08 04 01 02 03", "", ErrTarget},                // short
		{"01 01 00 04 08 05 01 02 03 04 05", "", ErrTarget},          // no UID's length
		{"01 01 00 04 08 00", "", ErrTarget},                         // nor this
		{"01 01 00 04 08 FF 01 02 03 04", "", ErrTarget},             // far too long
		{"01 01 00 44 04 04 88 04 01 02", "", ErrTarget},             // not complete
		{"01 01 03 44 20 04 01 02 03 04 07 75", "", ErrTarget},       // ATS cut short
		{"01 01 03 44 20 04 01 02 03 04 01 75 77 81", "", ErrTarget}, // ATS too long
	} {
		var target nfc.Target
		found, err := parseTarget(unhex(c.in), &target)
		if err != c.err || found != (c.uid != "") || !bytes.Equal(target.UID[:target.N], unhex(c.uid)) {
			t.Errorf("%q: %v, %+v, %v", c.in, found, target, err)
		}
	}
}

func FuzzParseFrame(f *testing.F) {
	for _, s := range []string{
		"00 00 FF 06 FA D5 03 32 01 06 07 E8 00", "00 00 FF 00 FF 00", "00 00 FF FF 00 00",
		"00 00 FF 01 FF 7F 81 00", "00 00 FF FF FF 00 03 FD D5 4B 00 E0 00", "00 FF FF FF 01",
		"00 00 FF 0C F4 D5 4B 01 01 00 04 08 04 01 02 03 04 C4 00",
	} {
		f.Add(unhex(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		kind, data, err := parseFrame(in)
		if (err == nil) != (kind != 0) || (kind == frameInfo) != (len(data) > 0) || len(data) >= maxBody {
			t.Fatalf("%d, % X, %v", kind, data, err)
		}
		if kind != frameInfo {
			return
		}
		// Whatever was taken is a frame of its own.
		if len(data) < 255 {
			again := appendFrame(nil, data...)
			again[5]++ // from the chip
			again[len(again)-2]--
			if k, d, err := parseFrame(again); k != frameInfo || !bytes.Equal(d, data) || err != nil {
				t.Fatalf("% X does not survive: %v", data, err)
			}
		}
		var target nfc.Target
		if found, err := parseTarget(data[1:], &target); err == nil && found {
			if target.N != 4 && target.N != 7 && target.N != 10 {
				t.Fatalf("%+v", target)
			}
			if n := target.ATSLen; n > len(target.ATS) || n > 0 && int(target.ATS[0]) != n || n != len(data)-1-6-target.N {
				t.Fatalf("% X is taken as %+v", data, target)
			}
		} else if err != nil && !errors.Is(err, ErrTarget) {
			t.Fatal(err)
		}
	})
}
