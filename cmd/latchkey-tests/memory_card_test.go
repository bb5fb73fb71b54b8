package tests

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"latchkey/device/cache"
)

// keep has the reader's board keep its cards in a file, and begin with these.
func (r *testReader) keep(cards string) {
	r.t.Helper()
	config, err := os.ReadFile(r.config())
	if err != nil {
		r.t.Fatal(err)
	}
	r.configure(string(config) + "drawer = \"cards.json\"\n")
	if cards == "" {
		return
	}
	if err := os.WriteFile(r.path("cards.json"), []byte(cards), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *testReader) kept() string {
	r.t.Helper()
	cards, err := os.ReadFile(r.path("cards.json"))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(cards)
}

var keptKey = regexp.MustCompile(`("Value": ")([0-9a-f]{32})"`)

// cardKeys are the traces of the keys of a card: as the bytes that they are, which begin
// AES's expanded key, too, and as 32-bit numbers.
func cardKeys(t testing.TB, cards string) (all []trace) {
	t.Helper()
	for _, found := range keptKey.FindAllStringSubmatch(cards, -1) {
		all = append(all, ofCard(t, fmt.Sprintf("key %d", len(all)/2), found[2])...)
	}
	if len(all) != 6 {
		t.Fatalf("not three keys of a card: %s", cards)
	}
	return all
}

func ofCard(t testing.TB, what, key string) []trace {
	t.Helper()
	bytes, err := hex.DecodeString(key)
	if err != nil {
		t.Fatal(err)
	}
	var numbers []byte
	for i := 0; i < len(bytes); i += 4 {
		numbers = binary.LittleEndian.AppendUint32(numbers, binary.BigEndian.Uint32(bytes[i:]))
	}
	return []trace{{what, bytes}, {what + ", as numbers", numbers}}
}

// wrapping are the traces of what unwraps the key in a card's credential.
func (r *testReader) wrapping(uid string) []trace {
	r.t.Helper()
	site, err := readSite(r.data())
	if err != nil {
		r.t.Fatal(err)
	}
	held := openCredentials(cache.Options{Dir: r.data(), Site: site.ID, Controller: site.Controller})
	defer held.cache.Close()
	bytes, err := hex.DecodeString(uid)
	if err != nil {
		r.t.Fatal(err)
	}
	key, err := held.key.WrappingKey(bytes)
	if err != nil {
		r.t.Fatal(err)
	}
	return ofCard(r.t, "wrapping key", hex.EncodeToString(key[:]))
}

// writeKeys has a reader give Ada's new card keys, which ends with an outcome.
func (c *controller) writeKeys(id string, at *testReader, outcome string) {
	c.t.Helper()
	at.eventually("the reader is at home", func() bool { return at.offers("pin") })
	ordered := exec.Command(filepath.Join(built.dir, "latchkey-controller"), "user", "card", "Ada Lovelace", "new", id, "--dir", c.dir)
	ordered.Stdin = strings.NewReader("5566\n")
	before := at.cards(outcome)
	if err := ordered.Start(); err != nil {
		c.t.Fatal(err)
	}
	at.eventually("the reader asks for the card", func() bool { return !at.offers("pin") })
	lift := at.lay(carolUID, "desfire-ev3", 0)
	at.eventually("the card is "+outcome, func() bool { return at.cards(outcome) == before+1 })
	if err := ordered.Wait(); (err == nil) != (outcome == "personalised") {
		c.t.Fatalf("the card is %s, and the command ends with %v", outcome, err)
	}
	lift()
}

// The emulated cards are in the memory of their reader. So one reader gives a card its keys,
// and another one, whose memory is searched, sees a card with that UID and other keys.
func TestTheKeysOfACardAreNowhereInTheMemoryAfterItsOutcome(t *testing.T) {
	t.Parallel()
	program := erasing(t)
	c := adaAndBobLinked(t, false)
	c.serve()
	giving, reader := c.adopt(t, "front-door"), c.adopt(t, "back-door")
	giving.keep("")
	giving.start()
	giving.linked()
	before := giving.revision()
	c.writeKeys("front-door", giving, "personalised")
	giving.eventually("the card is Ada's", func() bool { return giving.revision() > before })
	keys := cardKeys(t, giving.kept())

	const others = "deadbeefcafef00d0123456789abcdef"
	reader.keep(keptKey.ReplaceAllString(giving.kept(), "${1}"+others+`"`))
	reader.run(program, "run")
	reader.eventually("the reader knows Ada's card", func() bool { return reader.revision() == giving.revision() })
	if len(reader.find(ofCard(t, "a key of the emulated card", others))) == 0 {
		t.Fatal("the keys of the emulated card are not found in the memory: this test sees nothing")
	}
	lift := reader.lay(carolUID, "desfire-ev3", 0)
	reader.eventually("the copy is refused", func() bool { return reader.cards("not-genuine") == 1 })
	lift()
	reader.gone("after a proof", append(reader.wrapping(carolUID), keys...))

	c.writeKeys("back-door", reader, "foreign-keys")
	reader.gone("after a personalisation, of its old keys", keys)
	c.writeKeys("front-door", giving, "personalised")
	reader.gone("after a personalisation, of its new keys", cardKeys(t, giving.kept()))
}
