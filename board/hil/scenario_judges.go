package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// byLibnfc runs a program that uses the emulated PN532 with libnfc's driver instead of
// ours. The reader is not running.
func (l *lane) byLibnfc(program string, args ...string) string {
	var r result
	for range 3 {
		r = l.m.agent.execute(command{
			Args: append([]string{"/tools/nfc/ld-linux-aarch64.so.1", "--library-path", "/tools/nfc", "/tools/nfc/" + program}, args...),
			Env:  []string{"LIBNFC_DEVICE=pn532_spi:/dev/spidev0.2:1000000"},
		})
		if !strings.Contains(r.Stdout+r.Stderr, "nfc_open() failed") && !strings.Contains(r.Stderr, "failed: the reader is opened") {
			break // otherwise this machine was too slow for its time limits
		}
	}
	out := strings.Join(strings.Fields(r.Stdout), " ")
	if r.Code != 0 {
		fail("%s: exit code %d: %s %s", program, r.Code, out, r.Stderr)
	}
	return out
}

func libnfcFindsCard(l *lane) string {
	l.stopReader()
	l.m.chips.present(bobUID)
	found := l.byLibnfc("nfc-list")
	requireWords("nfc-list", found, "NFC device: user defined device opened", "UID (NFCID1): 04 a1 b2 c3 d4 e5 80", "ATQA (SENS_RES): 00 44", "SAK (SEL_RES): 00")
	l.removeCard()
	l.startReader(configPath)
	return found
}

// chipUID is the card with a chip that gets keys.
const chipUID = "04c0ffee123456"

// offersPIN says whether the panel shows the start page with its PIN button, which is lighter
// than the background.
func (l *lane) offersPIN() bool {
	pixels := l.m.chips.pixels()
	background, button := pixels.RGBAAt(3, 3), pixels.RGBAAt(120, 300)
	return background.R < 0x10 && background.G < 0x10 && button.R > 0x18
}

// cardGetsKeys has the controller write keys to a card at the reader, and presents it and
// its copy.
func cardGetsKeys(l *lane) string {
	before := l.status().Revision
	eventually(l.m.ctx, "the start page", l.offersPIN)
	written := make(chan error, 1)
	go func() {
		written <- try(func() { l.site.controller("3456\n", "user", "card", "Ada Lovelace", "new", "front-door") })
	}()
	eventually(l.m.ctx, "the page that asks for the card", func() bool { return !l.offersPIN() })
	l.m.chips.presentChip(chipUID, "desfire-ev3")
	check(<-written)
	l.removeCard()
	l.awaitStatus("the reader has the card's credential", func(s status) bool { return s.Revision > before })
	how := l.m.unlocks(func() { l.m.chips.presentChip(chipUID, "desfire-ev3") })
	l.removeCard()
	mark := l.m.lines.mark()
	l.m.chips.presentChip(chipUID, "copy")
	l.awaitRefusal()
	l.removeCard()
	l.m.lines.requireChanges(mark, 0)
	return how + "; its copy moved nothing"
}

// libfreefareUsesKeys has the judge use the keys of that card.
func libfreefareUsesKeys(l *lane) string {
	l.stopReader()
	defer l.startReader(configPath)
	var cards []struct {
		UID  string
		PICC struct{ Keys []struct{ Value string } }
		Apps []struct{ Keys []struct{ Value string } }
	}
	kept := l.m.agent.rootShell("cat /run/cards.json")
	check(json.Unmarshal([]byte(kept.Stdout), &cards))
	for _, card := range cards {
		if card.UID != chipUID {
			continue
		}
		if len(card.PICC.Keys) != 1 || len(card.Apps) != 1 || len(card.Apps[0].Keys) != 2 {
			fail("the card has other keys: %+v", card)
		}
		l.m.chips.presentChip(chipUID, "desfire-ev3")
		shown := l.byLibnfc("judge", "f44c4b", card.PICC.Keys[0].Value, card.Apps[0].Keys[0].Value, card.Apps[0].Keys[1].Value, "01")
		l.removeCard()
		return shown
	}
	fail("there is no such card among %d", len(cards))
	return ""
}

// libfreefareUsesCard has libfreefare's programs use a fresh card in the older ways.
func libfreefareUsesCard(l *lane) string {
	l.stopReader()
	defer l.startReader(configPath)
	l.m.chips.presentChip("04decade000001", "desfire-ev1")
	free := func() string {
		found := regexp.MustCompile(`Free memory: \d+ bytes`).FindString(l.byLibnfc("mifare-desfire-info"))
		if found == "" {
			fail("it does not say how much memory is free")
		}
		return found
	}
	fresh := free()
	l.byLibnfc("mifare-desfire-create-ndef", "-y")
	used := free()
	l.byLibnfc("mifare-desfire-format", "-y")
	if formatted := free(); used == fresh || formatted != fresh {
		fail("%s when fresh, %s with an application, %s when formatted", fresh, used, formatted)
	}
	l.byLibnfc("mifare-desfire-access")
	l.removeCard()
	return fmt.Sprintf("mifare-desfire-info, -create-ndef, -format and -access: %s when fresh and formatted, %s with an application", fresh, used)
}
