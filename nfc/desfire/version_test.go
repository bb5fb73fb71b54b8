package desfire

import (
	"errors"
	"testing"
)

// Frames 1 and 2 of real cards and of data sheets.
func TestVersionNamesTheChip(t *testing.T) {
	const production = "0464D59ADD1E90 2113623030 4024"
	for name, v := range map[string]struct {
		frames string
		chip   Chip
	}{
		"EV1 4K":                  {"04010101001805 04010101041805", EV1},
		"EV2 2K":                  {"04010112001605 04010102011605", EV2},
		"EV2 XL":                  {"04010122001605 04010102011605", EV2},
		"EV3 4K":                  {"04010133001805 04010103001805", EV2},
		"EV3 8K":                  {"04010133001A05 04010103001A05", EV2},
		"NTAG 424 DNA":            {"04040230001105 04040201021105", NTAG424},
		"NTAG 424 DNA, back":      {"04048230001105 04040201021105", NTAG424},
		"D40":                     {"04010100021805 04010100061805", 0},
		"Light":                   {"04080130001305 04080100021305", 0},
		"DUOX":                    {"040101A0001805 04010104001805", 0},
		"Plus EV1":                {"04020111001605 04020101011605", 0},
		"phone":                   {"04A10133001805 04010103001805", 0},
		"other vendor":            {"05010133001805 05010103001805", 0},
		"DESFire on a Java card":  {"04910133001805 04010103001805", 0},
		"NTAG 413 DNA":            {"04040210001105 04040201021105", 0},
		"nothing but zeros":       {"00000000000000 00000000000000", 0},
		"EV1 as NTAG's major":     {"04040101001805 04010101041805", 0},
		"NTAG's major as DESFire": {"04010130001805 04010101041805", 0},
	} {
		for _, extra := range []string{"", "00"} {
			chip, ok := Version(unhex(v.frames + production + extra)).Chip()
			if chip != v.chip || ok != (v.chip != 0) {
				t.Errorf("%s: chip %d, %v", name, chip, ok)
			}
		}
	}
	for _, n := range []int{0, 1, 27, 30} {
		v := append(unhex("04010133001805"), make([]byte, 30)...)[:n]
		if _, ok := Version(v).Chip(); ok {
			t.Errorf("a version of %d bytes names a chip", n)
		}
	}
}

func TestGetVersionReadsThreeFrames(t *testing.T) {
	for _, extra := range []string{"", "7F"} {
		card := play(t,
			"9060000000", "04010133001805 91AF",
			"90AF000000", "04010103001805 91AF",
			"90AF000000", "0464D59ADD1E90 2113623030 4024"+extra+"9100",
		)
		v, err := GetVersion(t.Context(), card)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "version", v, "04010133001805 04010103001805 0464D59ADD1E90 2113623030 4024"+extra)
	}
}

func TestGetVersionRefusesOtherAnswers(t *testing.T) {
	const frame = "04010133001805"
	for name, lines := range map[string][]string{
		"phone":         {"9060000000", "6D00"},
		"nothing":       {"9060000000", ""},
		"one byte":      {"9060000000", "91"},
		"unknown":       {"9060000000", "911C"},
		"short":         {"9060000000", "040101330018 91AF"},
		"done at once":  {"9060000000", frame + "9100"},
		"endless":       {"9060000000", frame + "91AF", "90AF000000", frame + "91AF", "90AF000000", frame + frame + "91AF"},
		"short at last": {"9060000000", frame + "91AF", "90AF000000", frame + "91AF", "90AF000000", frame + "9100"},
		"long at last":  {"9060000000", frame + "91AF", "90AF000000", frame + "91AF", "90AF000000", frame + frame + "0000 9100"},
	} {
		if _, err := GetVersion(t.Context(), play(t, lines...)); !errors.Is(err, ErrUnsuitable) || errors.Is(err, ErrNotGenuine) {
			t.Errorf("%s: %v", name, err)
		}
	}
	card := factory(EV2)
	card.gone = true
	if _, err := GetVersion(t.Context(), card); !errors.Is(err, errRadio) || errors.Is(err, ErrUnsuitable) {
		t.Error("gone:", err)
	}
}

func TestGenerationsAreThoseThatTheCardTells(t *testing.T) {
	const (
		picc, inside = "905A00000300000000", "905A000003F44C4B00"
		ntag         = "00A404 0C07 D2760000850101 00"
		key0, key1   = "90640000010000", "90640000010100"
	)
	for name, test := range map[string]struct {
		chip  Chip
		want  string
		lines []string
	}{
		"EV2":                 {EV2, "020101", []string{picc, "9100", key0, "02 9100", inside, "9100", key0, "01 9100", key1, "01 9100"}},
		"without application": {EV1, "00", []string{picc, "9100", key0, "00 9100", inside, "91A0"}},
		"NTAG 424": {NTAG424, "0102030405", []string{ntag, "9000", key0, "01 9100", key1, "02 9100",
			"90640000010200", "03 9100", "90640000010300", "04 9100", "90640000010400", "05 9100"}},
		"it does not tell":     {EV2, "", []string{picc, "9100", key0, "91AE"}},
		"nor of its last keys": {EV2, "", []string{picc, "9100", key0, "02 9100", inside, "9100", key0, "02 9100", key1, "911C"}},
		"nothing":              {EV2, "", []string{picc, "9100", key0, "9100"}},
		"two at once":          {EV2, "", []string{picc, "9100", key0, "0102 9100"}},
		"not selected":         {NTAG424, "", []string{ntag, "6A82"}},
	} {
		got, err := Generations(t.Context(), play(t, test.lines...), test.chip)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		equal(t, name, got, test.want)
	}
	card := factory(EV2)
	card.gone = true
	if _, err := Generations(t.Context(), card, EV2); !errors.Is(err, errRadio) {
		t.Error("gone:", err)
	}
}
