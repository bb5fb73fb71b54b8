package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"runtime"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestAMessageHasOneEncoding reads encodings of one small credential,
// {1: 7, 2: 2, 3: 9, 4: "Ada"}, and of a KDF that are right but for one thing.
func TestAMessageHasOneEncoding(t *testing.T) {
	const right = "a4 0107 0202 0309 0463416461"
	if err := Unmarshal(unhex(t, right), MaxChunk, new(Credential)); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]string{
		"nothing":                       "",
		"a missing required key":        "a3 0107 0202 0309",
		"an unknown key":                "a5 0107 0202 0309 0463416461 1809 00",
		"an unknown text key":           "a5 0107 0202 0309 0463416461 6141 00",
		"a text key for a number":       "a4 613107 0202 0309 0463416461",
		"a duplicate key":               "a5 0107 0202 0309 0309 0463416461",
		"unsorted keys":                 "a4 0202 0107 0309 0463416461",
		"an indefinite map":             "bf 0107 0202 0309 0463416461 ff",
		"an indefinite string":          "a4 0107 0202 0309 047f63416461ff",
		"a long integer":                "a4 011807 0202 0309 0463416461",
		"a very long integer":           "a4 011b0000000000000007 0202 0309 0463416461",
		"a long key":                    "a4 180107 0202 0309 0463416461",
		"a long length":                 "a4 0107 0202 0309 047803416461",
		"a long map head":               "b804 0107 0202 0309 0463416461",
		"an explicit zero":              "a5 0107 0202 0309 0463416461 0600",
		"an explicit false":             "a5 0107 0202 0309 0463416461 08f4",
		"an explicit empty list":        "a5 0107 0202 0309 0463416461 0580",
		"an explicit null":              "a5 0107 0202 0309 0463416461 05f6",
		"null for a number":             "a4 01f6 0202 0309 0463416461",
		"undefined for a text":          "a4 0107 0202 0309 04f7",
		"a whole float for a number":    "a4 01f94700 0202 0309 0463416461",
		"a simple value for a number":   "a4 01e7 0202 0309 0463416461",
		"a negative number":             "a4 0126 0202 0309 0463416461",
		"too big a number for its type": "a4 0107 02190102 0309 0463416461",
		"bytes for a text":              "a4 0107 0202 0309 0443416461",
		"a text that is not UTF-8":      "a4 0107 0202 0309 0461ff",
		"a tag":                         "a4 01c107 0202 0309 0463416461",
		"a tag around it all":           "d9d9f7 a4 0107 0202 0309 0463416461",
		"a bignum":                      "a4 01c24107 0202 0309 0463416461",
		"trailing bytes":                right + "00",
		"a second message":              right + right,
		"a truncation":                  "a4 0107 0202 0309 04634164",
		"an array for the map":          "84 07 02 09 63416461",
		"a list in a list":              "a5 0107 0202 0309 0463416461 05816181",
	} {
		if err := Unmarshal(unhex(t, b), MaxChunk, new(Credential)); !errors.Is(err, ErrEncoding) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The decoder pads and cuts byte strings to the array that they are read into;
// that the message is encoded again is what catches it.
func TestBytesOfAnotherLengthAreRefused(t *testing.T) {
	rest := "02194c00 0302 0404"
	for name, test := range map[string]struct {
		b  string
		ok bool
	}{
		"16 bytes":                {"a4 0150" + strings.Repeat("61", 16) + rest, true},
		"15 bytes":                {"a4 014f" + strings.Repeat("61", 15) + rest, false},
		"17 bytes":                {"a4 0151" + strings.Repeat("61", 17) + rest, false},
		"no bytes":                {"a4 0140" + rest, false},
		"15 bytes, zero to come":  {"a4 014f" + strings.Repeat("00", 15) + rest, false},
		"a list of numbers":       {"a4 0190" + strings.Repeat("01", 16) + rest, false},
		"a text of 16 characters": {"a4 0170" + strings.Repeat("61", 16) + rest, false},
	} {
		err := Unmarshal(unhex(t, test.b), MaxManifest, new(KDF))
		if test.ok != (err == nil) || err != nil && !errors.Is(err, ErrEncoding) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A change is an array: it must have exactly its two members.
	for _, b := range []string{"80", "81 50" + strings.Repeat("61", 16), "83 50" + strings.Repeat("61", 16) + "f6f6", "82 4f" + strings.Repeat("61", 15) + "f6", "82 50" + strings.Repeat("61", 16) + "f7"} {
		if err := Unmarshal(unhex(t, b), MaxDelta, new(Change)); !errors.Is(err, ErrEncoding) {
			t.Errorf("%s: %v", b, err)
		}
	}
}

func TestAnEmptyListIsNotNull(t *testing.T) {
	shut, open := testPolicy(), testPolicy()
	shut.Access, open.Access = nil, []Access{}
	if !bytes.Equal(Marshal(shut), Marshal(open)) {
		t.Error("nil and empty lists are encoded differently")
	}
	null := bytes.Replace(Marshal(shut), []byte{0x16, 0x80}, []byte{0x16, 0xf6}, 1)
	if _, err := ParsePolicy(null); !errors.Is(err, ErrEncoding) {
		t.Errorf("null: %v", err)
	}
	if p, err := ParsePolicy(Marshal(shut)); err != nil || len(p.Access) != 0 {
		t.Errorf("%v, %v", p, err)
	}
}

func TestWhatIsTooLongIsNotLookedAt(t *testing.T) {
	b := Marshal(testCommand())
	if err := Unmarshal(b, len(b)-1, new(Command)); !errors.Is(err, ErrEncoding) {
		t.Error(err)
	}
	if err := Unmarshal(b, len(b), new(Command)); err != nil {
		t.Error(err)
	}
	signed := mustSign(t, KindCommand, b)
	if _, err := verify(KindCommand, testSite, signed, len(b)-1, publicKey(testController)); !errors.Is(err, ErrEncoding) {
		t.Error(err)
	}
	if _, err := verify(KindCommand, testSite, signed, len(b), publicKey(testController)); err != nil {
		t.Error(err)
	}
}

// TestAClaimedLengthCostsNothing counts what decoding allocates: no more than
// a small multiple of what was received, whatever a head claims.
func TestAClaimedLengthCostsNothing(t *testing.T) {
	deep := strings.Repeat("81", 60000)
	claims := map[string]string{
		"bytes of 4 GiB":         "5b 0000000100000000",
		"bytes of 2^63":          "5b 8000000000000000",
		"a text of 2^32-1":       "7a ffffffff",
		"a list of 2^31":         "9a 80000000",
		"a list of 2^64-1":       "9b ffffffffffffffff",
		"a map of 2^32-1":        "ba ffffffff",
		"lists in lists":         deep,
		"maps in maps":           strings.Repeat("a101", 30000),
		"tags on tags":           strings.Repeat("d2", 60000),
		"65,000 empty holidays":  "b7" + "179a0000fde8" + strings.Repeat("83000000", 15000),
		"65,000 nulls":           "a1 16 99fde8" + strings.Repeat("f6", 65000),
		"65,000 members":         "b9fde8" + strings.Repeat("00", 65000),
		"a group in each access": "a1 16 99 4000" + strings.Repeat("a1016161", 0x3ff0),
	}
	decoders := map[string]func([]byte) error{
		"Next": func(b []byte) error { _, _, err := Next(b); return err },
		"Payload": func(b []byte) error {
			_, err := Payload(KindDelta, append(bytes.Clone(envelope), b...), MaxMessage)
			return err
		},
		"ParseRequest": func(b []byte) error { _, _, err := ParseRequest(b); return err },
		"OpenBundle": func(b []byte) error {
			_, err := OpenBundle(b, &Request{}, nil)
			return err
		},
	}
	for name, parse := range parsers {
		decoders[name] = func(b []byte) error { _, err := parse(b); return err }
	}
	for claim, text := range claims {
		b := unhex(t, text)
		for name, decode := range decoders {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := decode(b)
			runtime.ReadMemStats(&after)
			if err == nil && !(name == "Next" && strings.HasPrefix(claim, "65,000 nulls")) {
				t.Errorf("%s: %s is accepted", name, claim)
			}
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 4<<20 {
				t.Errorf("%s: %s of %d bytes costs %d", name, claim, len(b), allocated)
			}
		}
	}
}
