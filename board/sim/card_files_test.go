package sim

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"
)

func TestAFileIsTornInTheMiddle(t *testing.T) {
	for tear, want := range map[Tear]string{BeforeWrite: "000000000000", InWrite: "112200000000", AfterWrite: "112233440000"} {
		h := withApplication(hold(t, DESFireEV3), 0x0F, 1)
		h.wantStatus(stOK, 0xCD, 1, 0, 0xEE, 0xEE, 6, 0, 0)
		h.memory.TearNext(tear)
		if _, _, ok := h.exchange(unhex("908D00000B 01 000000 040000 11223344 00")); ok {
			t.Fatal("answered without power")
		}
		h.selected()
		h.wantStatus(stOK, 0x5A, 1, 2, 3)
		h.want("90BD000007 01 000000 000000 00", want+"9100")
	}
}

func TestApplicationsAreBounded(t *testing.T) {
	h := hold(t, DESFireEV1)
	var all string
	for i := range byte(28) {
		h.wantStatus(stOK, 0xCA, 1, 0, i, 0x0B, 0x81)
		all += hex.EncodeToString([]byte{1, 0, i})
	}
	h.wantStatus(stCount, 0xCA, 1, 0, 28, 0x0B, 0x81)
	h.wantStatus(stDuplicate, 0xCA, 1, 0, 27, 0x0B, 0x81)
	h.wantStatus(stDuplicate, 0xCA, 0, 0, 0, 0x0B, 0x81)
	h.wantStatus(stParameter, 0xCA, 1, 0, 28, 0x0B, 0x80)
	h.wantStatus(stParameter, 0xCA, 1, 0, 28, 0x0B, 0x8F)
	h.wantStatus(stParameter, 0xCA, 1, 0, 28, 0x0B, 0xC1)
	h.wantStatus(stLength, 0xCA, 1, 0, 28, 0x0B)
	h.say("906A000000", all[:2*57]+"91AF", "90AF000000", all[2*57:]+"9100")
	h.wantStatus(stNoApp, 0x5A, 2, 0, 0)
	h.wantStatus(stAuth, 0xDA, 1, 0, 0)

	h.legacy(0, zeroKey)
	h.wantStatus(stOK, 0xDA, 1, 0, 0)
	h.wantStatus(stNoApp, 0x5A, 1, 0, 0)
	free := hex.EncodeToString(h.send("906E000000"))
	h.legacy(0, zeroKey)
	h.wantStatus(stOK, 0xFC)
	if got := h.send("906E000000"); bytes.Equal(got, unhex(free)) {
		t.Error("FormatPICC frees no memory")
	}
	h.want("906A000000", "9100")
}

func TestMemoryOfACardEnds(t *testing.T) {
	h := hold(t, DESFireEV3)
	for i := range byte(200) {
		if _, st := h.wrapped(0xCA, 1, 0, i, 0x0B, 0x8E); st != stOK {
			if st != stNoMemory || i < 15 {
				t.Errorf("application %d: %02X", i, st)
			}
			return
		}
	}
	t.Error("no end")
}

func TestEV1ReadsItsUIDAndWritesFiles(t *testing.T) {
	h := withApplication(hold(t, DESFireEV1), 0x0B, 2)
	r, _ := h.aes(0, zeroKey)
	cmac(r.block, r.iv, []byte{0x51})
	out, st := h.wrapped(0x51)
	plain := decrypt(r.block, r.iv, out)
	if want := slices.Concat(testUID, checksum32(testUID, []byte{0}), make([]byte, 5)); st != stOK || !bytes.Equal(plain, want) {
		t.Fatalf("GetCardUID: %X, status %02X", plain, st)
	}
	if _, st := r.do(0xCD, 1, 3, 0x00, 0x00, 20, 0, 0); st != stOK {
		t.Fatalf("CreateStdDataFile: %02X", st)
	}
	header := unhex("01 020000 0B0000")
	if _, st := h.wrapped(0x3D, append(slices.Clip(header), r.encrypted(0x3D, header, []byte("Hello World"))...)...); st != stOK {
		t.Fatalf("WriteData: %02X", st)
	}
	if got := string(h.app.Files[0].Data[2:13]); got != "Hello World" {
		t.Errorf("the file has %q", got)
	}
}

// What mifare-desfire-access does: an application with DES keys whose keys are
// frozen, and an enciphered file, written in frames and read as a whole.
func TestD40EnciphersFiles(t *testing.T) {
	h := hold(t, DESFireEV1)
	h.legacy(0, zeroKey)
	h.wantStatus(stOK, 0xCA, 0x35, 0x12, 0xF4, 0xFF, 0x01)
	h.wantStatus(stOK, 0x5A, 0x35, 0x12, 0xF4)
	s, _ := h.legacy(0, zeroKey)
	h.wantStatus(stOK, 0xCD, 1, 3, 0, 0, 100, 0, 0)
	text := bytes.Repeat([]byte("Hello World"), 9)
	data := decipherSent(s, padZero(append(slices.Clone(text), checksum16(text)...), 8))
	h.wantStatus(stMore, 0x3D, slices.Concat(unhex("01 000000 630000"), data[:45])...)
	h.wantStatus(stMore, insMore, data[45:100]...)
	h.wantStatus(stOK, insMore, data[100:]...)
	first, st := h.wrapped(0xBD, unhex("01 000000 000000")...)
	if st != stMore || len(first) != frameSize {
		t.Fatalf("%X, status %02X", first, st)
	}
	last, st := h.wrapped(insMore)
	if st != stOK {
		t.Fatalf("status %02X", st)
	}
	plain := decrypt(s.block, make([]byte, 8), slices.Concat(first, last))
	whole := append(slices.Clone(text), 0)
	if want := padZero(slices.Concat(whole, checksum16(whole), []byte{0x80}), 8); !bytes.Equal(plain, want) {
		t.Errorf("read\n%X, not\n%X", plain, want)
	}
	h.wantStatus(stBoundary, 0xBD, unhex("01 000000 650000")...)
	h.wantStatus(stAuth, 0xBD, unhex("01 000000 010000")...)
	h.wantStatus(stFileNotFound, 0xBD, unhex("02 000000 010000")...)
}

// What mifare-desfire-create-ndef does, and how phones find it.
func TestNDEFApplicationIsFoundByItsName(t *testing.T) {
	h := hold(t, DESFireEV1)
	h.wantStatus(stOK, 0xCA, unhex("010000 0F 21 10E1 D2760000850101")...)
	h.wantStatus(stDuplicate, 0xCA, unhex("020000 0F 21 10E2 D2760000850101")...)
	h.wantStatus(stOK, 0x5A, 1, 0, 0)
	h.wantStatus(stOK, 0xCD, unhex("01 03E1 00 00E0 0F0000")...)
	h.wantStatus(stDuplicate, 0xCD, unhex("02 03E1 00 00E0 0F0000")...)
	h.wantStatus(stParameter, 0xCD, unhex("02 00 00E0 0F0000")...)
	h.wantStatus(stOK, 0xCD, unhex("02 04E1 00 E0EE 001000")...)
	h.wantStatus(stNoMemory, 0xCD, unhex("03 05E1 00 E0EE 001000")...)
	h.want("906F000000", "0102 9100")
	h.want("90F5000001 02 00", "00 00 E0EE 001000 9100")
	h.wantStatus(stOK, 0xDF, 1)
	h.want("906F000000", "02 9100")
	h.selected()
	h.want("00A4040007D276000085010100", "9000")
	h.want("906F000000", "02 9100")
	h.wantStatus(stOK, 0x3D, unhex("02 000000 020000 CAFE")...)
	h.want("90BD000007 02 000000 020000 00", "CAFE 9100")
	h.wantStatus(stLength, 0x3D, unhex("02 000000 020000 CAFEFE")...)
	h.wantStatus(stAuth, 0x5F, unhex("02 00 FFFF")...)
	change := func(data ...byte) []byte {
		s, _ := h.legacy(0, zeroKey)
		return append([]byte{2}, decipherSent(s, padZero(append(data, checksum16(data)...), 8))...)
	}
	h.wantStatus(stParameter, 0x5F, change(0x10, 0xFF, 0xFF)...)
	h.wantStatus(stOK, 0x5F, change(0x00, 0xFF, 0xFF)...)
	h.wantStatus(stDenied, 0x5F, change(0x00, 0xEE, 0xEE)...)
	h.wantStatus(stDenied, 0xBD, unhex("02 000000 020000")...)
}
