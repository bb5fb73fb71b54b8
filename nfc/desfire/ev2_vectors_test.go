package desfire

import (
	"bytes"
	"crypto/cipher"
	"slices"
	"testing"
)

// encOf returns what a session key's block makes of zeros: the key itself cannot be read back.
func encOf(t *testing.T, block cipher.Block, key string) {
	t.Helper()
	got, want := make([]byte, 16), make([]byte, 16)
	block.Encrypt(got, got)
	aesBlock(*key16(key)).Encrypt(want, want)
	if !bytes.Equal(got, want) {
		t.Errorf("session key is not %s", key)
	}
}

func ev2With(card Card, enc, mac, ti string, done uint16) *ev2 {
	return &ev2{card, aesBlock(*key16(enc)), aesBlock(*key16(mac)), [4]byte(unhex(ti)), done}
}

// AN12196 table 14.
func TestAuthenticateEV2FirstWithKeyZero(t *testing.T) {
	card := play(t,
		"9071000002000000", "A04C124213C186F22399D33AC2A30215 91AF",
		"90AF000020 35C3E05A752E0144BAC0DE51C1F22C56 B34408A23D8AEA266CAB947EA8E0118D 00",
		"3FA64DB5446D1F34CD6EA311167F5E49 85B89690C04A05F17FA7AB2F08120663 9100",
		// The second command of the session: ChangeFileSettings.
		"905F000019 02 61B6D97903566E84C3AE5274467E89EA D799B7C1A0EF7A04 00", "57BFF87B1241E93D 9100",
	)
	s, err := authenticateEV2(t.Context(), card, 0, aesBlock(*key16(zero)), rnd("13C5DB8A5930439FC3DEF9A4C675360F"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "TI", s.ti[:], "9D00C4DF")
	encOf(t, s.enc, "1309C877509E5A215007FF0ED19CA564")
	encOf(t, s.mac, "4C6626F5E72EA694202139295C7A7FC7")

	s.done = 1
	equal(t, "IV", s.iv(0xA5, 0x5A), "3E27082AB2ACC1EF55C57547934E9962")
	body := append([]byte{0x02}, s.encipher(unhex("4000E0C1F121200000430000430000"))...)
	if err := s.command(t.Context(), 0x5F, body); err != nil {
		t.Error(err)
	}
}

// AN12196 tables 20 to 27: one transaction.
func TestTransactionThatChangesKeys(t *testing.T) {
	card := play(t,
		"9071000002030000", "B875CEB0E66A6C5CD00898DC371F92D1 91AF",
		"90AF000020 FF0306E47DFBC50087C4D8A78E88E62D E1E8BE457AA477C707E2F0874916A8B1 00",
		"0CC9A8094A8EEA683ECAAC5C7BF20584 206D0608D477110FC6B3D5D3F65C3A6A 9100",
		"908D00001F 030000000A0000 6B5E6804909962FC4E3FF5522CF0F843 6C0C53315B9C73AA 00", "C26D236E4A7C046D 9100",
		"908D000019 010E0000120000 FF0506E1050080828300000000000000 0000 00", "9100",
		"90770000010000", "A6A2B3C572D06C097BB8DB70463E22DC 91AF",
		"90AF000020 BE7D45753F2CAB85F34BC60CE58B9407 63FE969658A532DF6D95EA2773F6E991 00",
		"B888349C24B315EAB5B589E279C8263E 9100",
		"90C4000029 02 2CF362B7BF4311FF3BE1DAA295E8C68DE09050560D19B9E16C2393AE9CD1FAC7 5D0CE20BCD1D06E6 00",
		"203BB55D1089D587 9100",
		"90C4000029 00 C0EB4DEEFEDDF0B513A03A95A75491818580503190D4D05053FF75668A01D6FD A6610234BDED6432 00",
		"9100",
	)
	ctx, key := t.Context(), aesBlock(*key16(zero))
	s, err := authenticateEV2(ctx, card, 3, key, rnd("B98F4C50CF1C2E084FD150E33992B048"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "TI", s.ti[:], "7614281A")
	encOf(t, s.enc, "7A93D6571E4B180FCA6AC90C9A7488D4")
	encOf(t, s.mac, "FC4AF159B62E549B5812394CAB1918CC")

	equal(t, "IV of WriteData", s.iv(0xA5, 0x5A), "4C651A64261A90307B6C293F611C7F7B")
	body := append(unhex("030000000A0000"), s.encipher(unhex("0102030405060708090A"))...)
	if err := s.command(ctx, 0x8D, body); err != nil {
		t.Fatal("WriteData:", err)
	}
	if err := exchangeOnly(ctx, card, 0x8D, unhex("010E0000120000 FF0506E1050080828300000000000000 0000")); err != nil {
		t.Fatal("plain WriteData:", err)
	}
	s.done++

	// AuthenticateEV2NonFirst: the same cryptogram, and an answer that is RndA' alone.
	a := unhex("60BE759EDA560250AC57CDDC11743CF6")
	challenge, err := exchange(ctx, card, moreFrames, 0x77, []byte{0})
	if err != nil {
		t.Fatal(err)
	}
	b := decrypt(key, noIV, challenge)
	equal(t, "RndB", b, "6924E8D09722659A2E7DEC68E66312B8")
	answer, err := exchange(ctx, card, operationOK, additionalFrame, encrypt(key, noIV, slices.Concat(a, rotate(b))))
	if err != nil || !same(decrypt(key, noIV, answer), rotate(a)) {
		t.Fatalf("answer %X, %v", answer, err)
	}
	s.setKeys(key, a, b)
	encOf(t, s.enc, "4CF3CB41A22583A61E89B158D252FC53")
	encOf(t, s.mac, "5529860B2FC5FB6154B7F28361D30BF9")

	equal(t, "IV of ChangeKey 2", s.iv(0xA5, 0x5A), "307EDE1814707F30CFE603DD6CA62353")
	new2 := unhex("F3847D627727ED3BC9C4CC050489B966")
	equal(t, "CRC", checksum(new2), "789DFADC")
	if err := s.changeKey(ctx, 2, append(new2, 1), checksum(new2)); err != nil {
		t.Fatal("change key 2:", err)
	}
	equal(t, "IV of ChangeKey 0", s.iv(0xA5, 0x5A), "01602D579423B2797BE8B478B0B4D27B")
	if err := s.changeKey(ctx, 0, unhex("5004BF991F408672B1EF00F08F9E8647 01"), nil); err != nil {
		t.Fatal("change key 0:", err)
	}
}

// AN12196 table 28.
func TestGetCardUID(t *testing.T) {
	card := play(t, "9051000008 8E2C155ADDA99BE3 00", "70756055688505B52A5E26E59E329CD6 595F672298EA41B7 9100")
	s := ev2With(card, "2B4D963C014DC36F24F69A50A394F875", "379D32130CE61705DD5FD8C36B95D764", "DF055522", 0)
	uid, err := s.cardUID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "UID", uid, "04958CAA5C5E80")
	equal(t, "IV of the answer", s.iv(0x5A, 0xA5), "7F6BB0B278EA054CBD238C5D9E9E342B")
}

// AN12196 section 5.3.
func TestGetFileSettingsWithMAC(t *testing.T) {
	card := play(t, "90F5000009 02 6597A457C8CD442C 00",
		"0040EEEE000100D1FE001F00004400004400002000006A0000 2A474282E7A47986 9100")
	s := ev2With(card, zero, "8248134A386E86EB7FAF54A52E536CB6", "7A21085E", 0)
	// Its answer is longer than any that this package asks for, so the parts are checked one by one.
	equal(t, "MAC of the command", s.sum(0xF5, []byte{2}), "6597A457C8CD442C")
	if _, err := s.transact(t.Context(), 0xF5, []byte{2}); err == nil {
		t.Error("an answer of 33 bytes was read")
	}
	s.done = 1
	data, err := s.verify(unhex("0040EEEE000100D1FE001F00004400004400002000006A0000 2A474282E7A47986"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "settings", data, "0040EEEE000100D1FE001F00004400004400002000006A0000")
}

// AN12343, and proxmark3 desfiretest.c.
func TestSessionKeysOfEV2(t *testing.T) {
	for _, v := range []struct{ key, a, b, enc, mac string }{
		{
			zero, "B04D0787C93EE0CC8CACC8E86F16C6FE", "FA659AD0DCA738DD65DC7DC38612AD81",
			"63DC07286289A7A6C0334CA31C314A04", "774F26743ECE6AF5033B6AE8522946F6",
		},
		{
			"00112233445566778899AABBCCDDEEFF", "0123456789ABCDEF0123456789ABCDEF", "FEDCBA9876543210FEDCBA9876543210",
			"195428119C8528D59580A73C7C96C6A3", "0AF00F6E39F904C4A6388C812D53DC94",
		},
	} {
		var s ev2
		s.setKeys(aesBlock(*key16(v.key)), unhex(v.a), unhex(v.b))
		encOf(t, s.enc, v.enc)
		encOf(t, s.mac, v.mac)
	}
}

// AN12343 page 54.
func TestMACsCountTheCommands(t *testing.T) {
	s := ev2With(nil, zero, "9366FA195EB566F5BD2BAD4020B83002", "E2D3AF69", 0)
	data := bytes.Repeat([]byte{0x22}, 25)
	equal(t, "first command", s.sum(0x8D, append(unhex("00000000190000"), data...)), "68F2C28C575A1628")
	s.done = 1
	equal(t, "first answer", s.sum(0, nil), "0820F68898C2A7F1")
	equal(t, "second command", s.sum(0xAD, unhex("00000000300000")), "0D9BE191D5960834")
	s.done = 2
	equal(t, "second answer", s.sum(0, append(data, make([]byte, 23)...)), "A49A44222D926666")
}
