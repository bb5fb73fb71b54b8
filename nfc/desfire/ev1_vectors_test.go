package desfire

import (
	"crypto/cipher"
	"crypto/des"
	"testing"
)

func ev1With(card Card, key string) *ev1 {
	if b := unhex(key); len(b) == 8 {
		return &ev1{card, desBlock([8]byte(b)), make([]byte, 8)}
	}
	return &ev1{card, aesBlock(*key16(key)), make([]byte, 16)}
}

// Two logs of a real EV1.
func TestAuthenticateAES(t *testing.T) {
	for _, v := range []struct{ key, a, challenge, sent, answer, session string }{
		{
			zero, "F44B26F5686F3A391CD38EBD10772281", "B969FDFE56FD91FC9DE6F6F213B8FD1E",
			"36AAD7DF6E436BA08D18613830A70D5AD43E3D3F4A8D47541EEE623A934E4774",
			"800DB680BC146BD121D6578F2D2E2059", "F44B26F5C05DDD7110772281C4D066E8",
		},
		{
			"10182028303840485058606870788088", "40E7D27174CBA675E8EFBAB99C530E3D", "B351CB2465D4F33AC627FD6E87A168F2",
			"044B6CAC343A0865895149649CA8DDE1F5AC4EC67BD208900AF02F049E05F0B0",
			"A2EE144B1012FBEB7B2F11132D95A454", "40E7D271626FFBD49C530E3D304F5B17",
		},
	} {
		card := play(t, "90AA0000010000", v.challenge+"91AF", "90AF000020"+v.sent+"00", v.answer+"9100")
		s, err := authenticateEV1(t.Context(), card, 0, aesBlock(*key16(v.key)), rnd(v.a))
		if err != nil {
			t.Fatal(err)
		}
		encOf(t, s.key, v.session)
		equal(t, "IV", s.iv, zero)
	}
}

const new10 = "00102030405060708090A0B0B0A09080"

// The same logs.
func TestChangeKeyOfEV1(t *testing.T) {
	card := play(t,
		"90C4000021 00 E9F85E219496C2B58C1090DC3935FAE9E840CF61B383D9531946256B1F110C10 00", "9100",
		"90C4000021 01 E7ECCB6BD1CA64BC161A12B1C024F71430337408C8A87EACAB7A1FF18951FCA3 00", "2128D3CD9C9ACFFF 9100",
	)
	equal(t, "CRC", checksum(unhex("C4 00"), unhex(new10), unhex("10")), "D2C6E66B")
	own := ev1With(card, "F44B26F5C05DDD7110772281C4D066E8")
	if err := own.changeKey(t.Context(), 0, append(unhex(new10), 0x10), nil); err != nil {
		t.Error("own key:", err)
	}
	other := ev1With(card, "C2A1E47BD8100044FE6D00A74D7AB17C")
	if err := other.changeKey(t.Context(), 1, append(unhex(new10), 0x10), checksum(unhex(new10))); err != nil {
		t.Error("other key:", err)
	}
	equal(t, "IV", other.iv, "2128D3CD9C9ACFFFF6EB9546ADF35E17")
}

// A recording of a real EV3.
func TestSessionOfEV1(t *testing.T) {
	card := play(t,
		"90AA0000010000", "BF8F998A924873DAAC8B859309B46D13 91AF",
		"90AF000020 0FDB4C644C9FAC875CAD7A817D26C0E3 5C970DD97A654FB17E09A865F39CED90 00", "631BD8B8F4A2D0F0F5B4EBE6034C3869 9100",
		"9045000000", "0981 9C63702E15E62095 9100",
		"90640000010000", "00 245B84397350F81D 9100",
		"906F000000", "C29CC839562C5145 9100",
		"9054000010 C316B45D72E501BDB9DE4E867A587893 00", "E2D7DD76BD596FAB 9100",
		"9045000000", "0081 5054DA9F9FF1C9D1 9100",
	)
	ctx := t.Context()
	s, err := authenticateEV1(ctx, card, 0, aesBlock(*key16(zero)), rnd("01010101010101010101010101010101"))
	if err != nil {
		t.Fatal(err)
	}
	encOf(t, s.key, "010101014BB33E1901010101094F22FF")
	plain := func(instruction byte, data []byte, want string) {
		t.Helper()
		s.chain([]byte{instruction}, data)
		reply, err := exchange(ctx, card, operationOK, instruction, data)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.verify(reply)
		if err != nil {
			t.Fatalf("%02X: %v", instruction, err)
		}
		equal(t, "answer", got, want)
	}
	plain(0x45, nil, "0981")
	equal(t, "IV", s.iv, "9C63702E15E6209518B174FE3288AE1F")
	plain(0x64, []byte{0}, "00")
	if err := s.command(ctx, 0x6F, nil); err != nil {
		t.Fatal(err)
	}
	settings := []byte{0}
	equal(t, "CRC", checksum([]byte{0x54}, settings), "5075F160")
	reply, err := exchange(ctx, card, operationOK, 0x54, s.encipher(append(settings, checksum([]byte{0x54}, settings)...)))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.verifyEmpty(reply); err != nil {
		t.Fatal(err)
	}
	plain(0x45, nil, "0081")
}

// A recording of a real EV3: a PICC master key of DES becomes another one, then AES, then
// another AES key.
func TestPICCMasterKeyFromDESToAES(t *testing.T) {
	card := play(t,
		"901A0000010000", "8DC8D62AC78B40F7 91AF",
		"90AF000010 0A94BA7F9F4EB698B02E3DDC58DAC2FF 00", "E37D7C86999D63F4 9100",
		"90C4000019 00 BD6D8A1D9D8081CCA0591F7F39DDCF62C868BA73DA8B9BA2 00", "9100",
		"901A0000010000", "AD3463C0300F23CA 91AF",
		"90AF000010 19D1EBA52085BA1B6510F72968F9D00F 00", "8BF91BF7656411A5 9100",
		"90C4000019 80 BED765948D2BA93908216473D9323F8616353B071C8AAAA7 00", "9100",
		"90AA0000010000", "A31C2D197933F2E73C8A792BDCA98DC9 91AF",
		"90AF000020 BCAD772A6D2C5586DB74C2D8A733C68210A0F0CB8F66B2B87FC94FAE3A52D6E8 00", "99F6CB2A3851BBC119F2AB6A0C480BC3 9100",
		"90C4000021 80 3925C0C0C16B82D42C6BD26B7A9828EC2613A875914DA06C9F8B4820A35A5C52 00", "9100",
	)
	ctx := t.Context()
	for _, step := range []struct {
		key     cipher.Block
		a       string
		number  byte
		new     string
		crc     string
		session string
	}{
		{desBlock([8]byte{}), "0101010101010101", 0x00, "02020202020202020202020202020202", "D0B0ED20", "010101013E0AF2A4"},
		{desBlock([8]byte{2, 2, 2, 2, 2, 2, 2, 2}), "0202020202020202", 0x80, zero + "00", "8BE9EDB5", ""},
		{aesBlock(Key{}), "03030303030303030303030303030303", 0x80, "01010101010101010101010101010101 00", "BC7157FB", ""},
	} {
		equal(t, "CRC", checksum([]byte{0xC4, step.number}, unhex(step.new)), step.crc)
		s, err := authenticateEV1(ctx, card, 0, step.key, rnd(step.a))
		if err != nil {
			t.Fatal(err)
		}
		if step.session != "" {
			got, want := make([]byte, 8), make([]byte, 8)
			s.key.Encrypt(got, got)
			desBlock([8]byte(unhex(step.session))).Encrypt(want, want)
			if !same(got, want) {
				t.Errorf("session key is not %s", step.session)
			}
		}
		if err := s.changeKey(ctx, step.number, unhex(step.new), nil); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "CRC of DES zero", checksum(unhex("C4 00"), unhex(zero)), "5571AA87")
}

// The same recording: an application is created in a session under a DES key.
func TestCreateApplicationInADESSession(t *testing.T) {
	card := play(t, "90CA000005 0102030981 00", "1BA17ECCEB4A4631 9100")
	if err := ev1With(card, "C0FFEED0B65648F6").command(t.Context(), createApplication, unhex("0102030981")); err != nil {
		t.Error(err)
	}
}

func TestChecksumIsJAMCRC(t *testing.T) {
	equal(t, "CRC", checksum([]byte("12345"), []byte("6789")), "D9C60B34")
}

// NIST SP 800-38B, appendices D.1 (AES-128) and D.4 (three-key TDEA, whose subkeys need the
// reduction).
func TestCMAC(t *testing.T) {
	const message = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411"
	key := aesBlock(*key16("2b7e151628aed2a6abf7158809cf4f3c"))
	for length, want := range map[int]string{
		0:  "bb1d6929e95937287fa37d129b756746",
		16: "070a16b46b4d4144f79bdd9dd04a287c",
		40: "dfa66747de9ae63030ca32611497c827",
	} {
		equal(t, "CMAC", cmac(key, noIV, unhex(message)[:length]), want)
		equal(t, "CMAC in parts", cmac(key, noIV, unhex(message)[:length/3], nil, unhex(message)[length/3:length]), want)
	}
	tdea, err := des.NewTripleDESCipher(unhex("8aa83bf8cbda1062 0bc1bf19fbb6cd58 bc313d4a371ca8b5"))
	if err != nil {
		t.Fatal(err)
	}
	for length, want := range map[int]string{
		0:  "b7a688e122ffaf95",
		8:  "8e8f293136283797",
		20: "743ddbe0ce2dc2ed",
		32: "33e6b1092400eae5",
	} {
		equal(t, "CMAC", cmac(tdea, make([]byte, 8), unhex(message)[:length]), want)
	}
}
