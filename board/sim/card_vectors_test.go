package sim

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"
)

var testUID = unhex("04A1B2C3D4E580")

// unhex reads hex with spaces.
func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// held is a card in the field, as a test sees it.
type held struct {
	t      *testing.T
	memory *Memory
	*cardChip
	random bytes.Buffer // what the card's random numbers will be, after draws
}

// hold selects a card fresh from the factory.
func hold(t *testing.T, kind Kind) *held {
	t.Helper()
	m, err := NewMemory(kind, testUID)
	if err != nil {
		t.Fatal(err)
	}
	h := &held{t: t, memory: m}
	h.cardChip = newCardChip(m)
	h.selected()
	return h
}

// draws fixes the next random numbers of the card.
func (h *held) draws(randoms string) {
	h.random.Write(unhex(randoms))
	h.memory.Configure(ChipOptions{Random: &h.random})
}

// send gives the reply to a command.
func (h *held) send(command string) []byte {
	h.t.Helper()
	reply, _, ok := h.exchange(unhex(command))
	if !ok {
		h.t.Fatalf("%s: the card stays silent", command)
	}
	return reply
}

// want sends a command and compares the reply.
func (h *held) want(command, reply string) {
	h.t.Helper()
	if got := h.send(command); !bytes.Equal(got, unhex(reply)) {
		h.t.Fatalf("%s:\n  %X, not\n  %s", command, got, reply)
	}
}

// say sends commands and replies in turn.
func (h *held) say(dialogue ...string) {
	h.t.Helper()
	for i := 0; i < len(dialogue); i += 2 {
		h.want(dialogue[i], dialogue[i+1])
	}
}

const selectNTAG = "00A4040C07D276000085010100"

// openEV2 puts the card into the middle of an EV2 session.
func (h *held) openEV2(key byte, enc, mac, ti string, counter uint16) {
	s := &ev2Session{enc: newBlock(typeAES, unhex(enc)), mac: newBlock(typeAES, unhex(mac)), counter: counter}
	copy(s.ti[:], unhex(ti))
	h.session, h.key = s, key
}

// CARDS A and A2 [AN12196 table 14].
func TestNTAG424AuthenticatesAsInTheApplicationNote(t *testing.T) {
	h := hold(t, NTAG424)
	h.draws("B9E2FC789B64BF237CCCAA20EC7E6E48 9D00C4DF")
	h.say(selectNTAG, "9000",
		"9071000002000000", "A04C124213C186F22399D33AC2A30215 91AF",
		"90AF000020 35C3E05A752E0144BAC0DE51C1F22C56 B34408A23D8AEA266CAB947EA8E0118D 00",
		"3FA64DB5446D1F34CD6EA311167F5E49 85B89690C04A05F17FA7AB2F08120663 9100")
	h.session.(*ev2Session).counter = 1 // the note writes a file in between
	h.want("905F000019 02 61B6D97903566E84C3AE5274467E89EA D799B7C1A0EF7A04 00", "57BFF87B1241E93D 9100")
	if f, _ := h.file(2); f.Option != 0x40 || !bytes.Equal(f.Extra, unhex("C1F121200000430000430000")) {
		t.Errorf("settings of file 2: %+v", f)
	}
}

// CARDS B [AN12196 tables 20-27].
func TestNTAG424ReplaysAWholeTransaction(t *testing.T) {
	h := hold(t, NTAG424)
	h.memory.apps[0].Files[0].Rights = [2]byte{0x00, 0xE3} // the note's card lets key 3 write file 1
	h.draws("91517975190DCEA6104948EFA3085C1B 7614281A 6924E8D09722659A2E7DEC68E66312B8")
	h.say(selectNTAG, "9000",
		"9071000002030000", "B875CEB0E66A6C5CD00898DC371F92D1 91AF",
		"90AF000020 FF0306E47DFBC50087C4D8A78E88E62D E1E8BE457AA477C707E2F0874916A8B1 00",
		"0CC9A8094A8EEA683ECAAC5C7BF20584 206D0608D477110FC6B3D5D3F65C3A6A 9100",
		"908D00001F 030000000A0000 6B5E6804909962FC4E3FF5522CF0F843 6C0C53315B9C73AA 00", "C26D236E4A7C046D 9100",
		"908D000019 010E0000120000 FF0506E1050080828300000000000000 0000 00", "9100",
		"90770000010000", "A6A2B3C572D06C097BB8DB70463E22DC 91AF",
		"90AF000020 BE7D45753F2CAB85F34BC60CE58B9407 63FE969658A532DF6D95EA2773F6E991 00",
		"B888349C24B315EAB5B589E279C8263E 9100",
		"90C4000029 02 2CF362B7BF4311FF3BE1DAA295E8C68DE09050560D19B9E16C2393AE9CD1FAC7 5D0CE20BCD1D06E6 00", "203BB55D1089D587 9100",
		"90C4000029 00 C0EB4DEEFEDDF0B513A03A95A75491818580503190D4D05053FF75668A01D6FD A6610234BDED6432 00", "9100")
	app := h.memory.apps[0]
	for i, want := range map[int]string{0: "5004BF991F408672B1EF00F08F9E8647", 2: "F3847D627727ED3BC9C4CC050489B966", 1: strings.Repeat("00", 16)} {
		if !bytes.Equal(app.Keys[i].Value, unhex(want)) {
			t.Errorf("key %d: %X", i, app.Keys[i].Value)
		}
	}
	if app.Keys[0].Version != 1 || app.Keys[2].Version != 1 || h.session != nil {
		t.Error("a version is wrong, or the session of the changed key goes on")
	}
	if f := app.Files[2]; !bytes.Equal(f.Data[:10], unhex("0102030405060708090A")) {
		t.Errorf("file 3: %X", f.Data[:10])
	}
}

// CARDS C, D, F.
func TestEV2MessagingAsInTheApplicationNotes(t *testing.T) {
	h := hold(t, NTAG424)
	h.want(selectNTAG, "9000")
	h.memory.uid = unhex("04958CAA5C5E80")
	h.openEV2(0, "2B4D963C014DC36F24F69A50A394F875", "379D32130CE61705DD5FD8C36B95D764", "DF055522", 0)
	h.want("9051000008 8E2C155ADDA99BE3 00", "70756055688505B52A5E26E59E329CD6 595F672298EA41B7 9100")

	f, _ := h.file(2)
	f.Option, f.Rights, f.Extra = 0x40, [2]byte{0xEE, 0xEE}, unhex("D1FE001F00004400004400002000006A0000")
	h.openEV2(0, "00000000000000000000000000000000", "8248134A386E86EB7FAF54A52E536CB6", "7A21085E", 0)
	h.want("90F5000009 02 6597A457C8CD442C 00", "0040EEEE000100D1FE001F00004400004400002000006A0000 2A474282E7A47986 9100")

	h = hold(t, DESFireEV2)
	h.app = newApplication(unhex("010203"), 0x0F, typeAES, 1)
	h.app.Files = []*cardFile{{Number: 0, Option: 1, Data: make([]byte, 48)}}
	h.openEV2(0, "00000000000000000000000000000000", "9366FA195EB566F5BD2BAD4020B83002", "E2D3AF69", 0)
	data := strings.Repeat("22", 25)
	h.want("908D000028 00000000190000"+data+"68F2C28C575A1628 00", "0820F68898C2A7F1 9100")
	h.want("90AD00000F 00000000300000 0D9BE191D5960834 00", data+strings.Repeat("00", 23)+"A49A44222D926666 9100")
}

// CARDS E. The session keys decide a MAC, so they are compared by one.
func TestEV2SessionKeys(t *testing.T) {
	for _, v := range []struct{ key, rndA, rndB, enc, mac string }{
		{"00000000000000000000000000000000", "B04D0787C93EE0CC8CACC8E86F16C6FE", "FA659AD0DCA738DD65DC7DC38612AD81", "63DC07286289A7A6C0334CA31C314A04", "774F26743ECE6AF5033B6AE8522946F6"},
		{"00112233445566778899AABBCCDDEEFF", "0123456789ABCDEF0123456789ABCDEF", "FEDCBA9876543210FEDCBA9876543210", "195428119C8528D59580A73C7C96C6A3", "0AF00F6E39F904C4A6388C812D53DC94"},
	} {
		s := newEV2Session(newBlock(typeAES, unhex(v.key)), unhex(v.rndA), unhex(v.rndB))
		got, want := make([]byte, 32), make([]byte, 32)
		s.enc.Encrypt(got, got)
		s.mac.Encrypt(got[16:], got[16:])
		newBlock(typeAES, unhex(v.enc)).Encrypt(want, want)
		newBlock(typeAES, unhex(v.mac)).Encrypt(want[16:], want[16:])
		if !bytes.Equal(got, want) {
			t.Errorf("key %s: other session keys", v.key)
		}
	}
}

// CARDS G: logs of a real EV1.
func TestEV1ReplaysLogsOfARealCard(t *testing.T) {
	h := hold(t, DESFireEV1)
	h.memory.apps = []*application{newApplication(unhex("010203"), 0x0F, typeAES, 2)}
	key1 := h.memory.apps[0].Keys[1]
	key1.Value = unhex("10182028303840485058606870788088")
	h.draws("C05DDD714FD788A6B7B754F3C4D066E8")
	const changed = "00102030405060708090A0B0B0A09080"
	h.say("5A 010203", "00",
		"AA 00", "AF B969FDFE56FD91FC9DE6F6F213B8FD1E",
		"AF 36AAD7DF6E436BA08D18613830A70D5AD43E3D3F4A8D47541EEE623A934E4774", "00 800DB680BC146BD121D6578F2D2E2059",
		"C4 00 E9F85E219496C2B58C1090DC3935FAE9E840CF61B383D9531946256B1F110C10", "00",
		"64 00", "00 10") // plain: the session is over
	if got := h.memory.apps[0].Keys[0].Value; !bytes.Equal(got, unhex(changed)) {
		t.Errorf("key 0: %X", got)
	}
	// The log gives RndB only encrypted.
	h.random.Write(decrypt(newBlock(typeAES, key1.Value), make([]byte, 16), unhex("B351CB2465D4F33AC627FD6E87A168F2")))
	h.say("AA 01", "AF B351CB2465D4F33AC627FD6E87A168F2",
		"AF 044B6CAC343A0865895149649CA8DDE1F5AC4EC67BD208900AF02F049E05F0B0", "00 A2EE144B1012FBEB7B2F11132D95A454")
	got, want := make([]byte, 16), make([]byte, 16)
	h.session.(*ev1Session).block.Encrypt(got, got)
	if newBlock(typeAES, unhex("40E7D271626FFBD49C530E3D304F5B17")).Encrypt(want, want); !bytes.Equal(got, want) {
		t.Error("another session key")
	}

	key1.Value = make([]byte, 16)
	h.session, h.key = newEV1Session(typeAES, unhex("C2A1E47BD8100044FE6D00A74D7AB17C")), 0
	h.want("C4 01 E7ECCB6BD1CA64BC161A12B1C024F71430337408C8A87EACAB7A1FF18951FCA3", "00 2128D3CD9C9ACFFF")
	if k := h.memory.apps[0].Keys[1]; !bytes.Equal(k.Value, unhex(changed)) || k.Version != 0x10 {
		t.Errorf("key 1: %X, version %02X", k.Value, k.Version)
	}
}

// CARDS H: a recording of a real EV3.
func TestEV3ReplaysARecordingOfAnApplication(t *testing.T) {
	h := hold(t, DESFireEV3)
	h.memory.apps = []*application{newApplication(unhex("010203"), 0x09, typeAES, 1)}
	h.draws("4BB33E19F91A54985F226A21094F22FF")
	h.say("5A 010203", "00",
		"AA 00", "AF BF8F998A924873DAAC8B859309B46D13",
		"AF 0FDB4C644C9FAC875CAD7A817D26C0E3 5C970DD97A654FB17E09A865F39CED90", "00 631BD8B8F4A2D0F0F5B4EBE6034C3869",
		"45", "00 0981 9C63702E15E62095",
		"64 00", "00 00 245B84397350F81D",
		"6F", "00 C29CC839562C5145",
		"54 C316B45D72E501BDB9DE4E867A587893", "00 E2D7DD76BD596FAB",
		"45", "00 0081 5054DA9F9FF1C9D1")
}

// CARDS 4: the PICC master key of a real EV3, from DES to AES.
func TestEV3ReplaysARecordingOfItsPICCKey(t *testing.T) {
	h := hold(t, DESFireEV3)
	des := func(key, encrypted string) {
		h.draws(hex.EncodeToString(decrypt(newBlock(typeDES, unhex(key)), make([]byte, 8), unhex(encrypted))))
	}
	aes := func(key, encrypted string) {
		h.draws(hex.EncodeToString(decrypt(newBlock(typeAES, unhex(key)), make([]byte, 16), unhex(encrypted))))
	}
	des("00000000000000000000000000000000", "8DC8D62AC78B40F7")
	h.say("45", "00 0F01", "64 00", "00 00", "6A", "00",
		"1A 00", "AF 8DC8D62AC78B40F7",
		"AF 0A94BA7F9F4EB698B02E3DDC58DAC2FF", "00 E37D7C86999D63F4",
		"C4 00 BD6D8A1D9D8081CCA0591F7F39DDCF62C868BA73DA8B9BA2", "00")
	des("02020202020202020202020202020202", "AD3463C0300F23CA")
	h.say("1A 00", "AF AD3463C0300F23CA",
		"AF 19D1EBA52085BA1B6510F72968F9D00F", "00 8BF91BF7656411A5",
		"C4 80 BED765948D2BA93908216473D9323F8616353B071C8AAAA7", "00",
		"45", "00 0F81")
	aes("00000000000000000000000000000000", "A31C2D197933F2E73C8A792BDCA98DC9")
	h.say("AA 00", "AF A31C2D197933F2E73C8A792BDCA98DC9",
		"AF BCAD772A6D2C5586DB74C2D8A733C68210A0F0CB8F66B2B87FC94FAE3A52D6E8", "00 99F6CB2A3851BBC119F2AB6A0C480BC3",
		"C4 80 3925C0C0C16B82D42C6BD26B7A9828EC2613A875914DA06C9F8B4820A35A5C52", "00")
	if p := h.memory.picc; p.Type != typeAES || !bytes.Equal(p.Keys[0].Value, bytes.Repeat([]byte{1}, 16)) {
		t.Errorf("PICC level: %+v", p)
	}
}

func TestEV3CreatesAnApplicationInADESSession(t *testing.T) {
	h := hold(t, DESFireEV3)
	h.session, h.key = newEV1Session(typeDES, unhex("C0FFEED0B65648F6")), 0
	h.want("CA 01 02 03 09 81", "00 1BA17ECCEB4A4631")
	h.want("5A 010203", "00")
	h.want("64 00", "00 00")
}

// CARDS I: D40 messaging.
func TestD40MessagingAsCardsAcceptedIt(t *testing.T) {
	for _, kind := range []Kind{D40, DESFireEV1, DESFireEV3} {
		h := hold(t, kind)
		h.draws("D6F77968D2767EA3")
		h.say("0A 00", "AF 57B0C35A080AE608",
			"AF 5BD89F653176AE3A7A1128C9D4035129", "00 B53BF499FEAC13E4")
		h.memory.picc.Settings = 0x0B
		h.session, h.key = d40Session{newBlock(typeDES, unhex("00010203F6B03339"))}, 0
		h.want("54 CB643FD030E687DA", "00")
		if h.memory.picc.Settings != 0x0F {
			t.Errorf("%v: settings %02X", kind, h.memory.picc.Settings)
		}
	}
}

func TestCardsTellTheirVersions(t *testing.T) {
	production := hex.EncodeToString(testUID) + "21136230304024"
	for kind, v := range map[Kind][2]string{
		D40:        {"04010100021805", "04010100061805"},
		DESFireEV1: {"04010101001805", "04010101041805"},
		DESFireEV2: {"04010112001805", "04010102011805"},
		DESFireEV3: {"04010133001805", "04010103001805"},
		NTAG424:    {"04040230001105", "04040201021105"},
	} {
		h := hold(t, kind)
		h.say("9060000000", v[0]+"91AF", "90AF000000", v[1]+"91AF", "90AF000000", production+"9100")
	}
	// In a session the last frame has the MAC over all three, and the command one of its own.
	h := hold(t, DESFireEV1)
	h.session = newEV1Session(typeAES, make([]byte, 16))
	iv := make([]byte, 16)
	block := newBlock(typeAES, make([]byte, 16))
	cmac(block, iv, []byte{0x60})
	mac := cmac(block, iv, unhex("04010101001805 04010101041805"+production+"00"))
	h.say("60", "AF 04010101001805", "AF", "AF 04010101041805", "AF", "00"+production+hex.EncodeToString(mac[:8]))
}

func TestCardsTakeTheirTime(t *testing.T) {
	h := hold(t, DESFireEV3)
	if _, took, _ := h.exchange(unhex("60")); took != 5*time.Millisecond {
		t.Errorf("GetVersion takes %v", took)
	}
}
