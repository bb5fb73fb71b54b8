package site

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/store"
)

func TestAClashOfPINsDoesNotSayThatSomebodyHasIt(t *testing.T) {
	s, _ := newSite(t)
	addUser(t, s, "Ada", "58310274")
	err := tryUser(t.Context(), s, &store.User{Name: "Eve"}, "58310274")
	if !errors.Is(err, ErrPINTaken) {
		t.Fatal(err)
	}
	for _, word := range []string{"taken", "another user", "somebody", "already", "exists", "in use", "Ada", "58310274"} {
		if strings.Contains(err.Error(), word) {
			t.Errorf("%q says %q", err, word)
		}
	}
	if report := check(t, s); report.Users != 1 || report.Credentials != 1 {
		t.Errorf("half a user is left: %+v", report)
	}
}

func TestAWeakPINIsRefusedWithTheReason(t *testing.T) {
	s, _ := newSite(t)
	for digits, want := range map[string]string{
		"11111111": "equal", "12345678": "up or down", "12121212": "repeats", "1234567": "eight digits",
		"123456789": "eight digits", "1234567a": "eight digits", "": "eight digits", "１２３": "eight digits",
	} {
		_, err := s.ChosenPIN(t.Context(), []byte(digits))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "choose another PIN") {
			t.Errorf("%q: %v", digits, err)
		}
		if digits != "" && err != nil && strings.Contains(err.Error(), digits) {
			t.Errorf("%v tells the PIN", err)
		}
	}
}

func TestTheSiteChoosesAPINThatOpens(t *testing.T) {
	s, _ := newSite(t)
	p, err := s.GeneratedPIN(t.Context())
	if err != nil || len(p.Digits) != 8 {
		t.Fatalf("%v, %v", p, err)
	}
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return s.AddUser(tx, noon, "somebody", &store.User{Name: "Ada"}, p, nil) }); err != nil {
		t.Fatal(err)
	}
	if err := tryUser(t.Context(), s, &store.User{Name: "Eve"}, string(p.Digits)); !errors.Is(err, ErrPINTaken) {
		t.Errorf("the PIN that was shown is not the user's: %v", err)
	}
}

func TestANewPINTakesThePlaceOfTheOld(t *testing.T) {
	s, _ := newSite(t)
	u := addUser(t, s, "Ada", "58310274", []byte{4, 1, 2, 3, 4, 5, 6})
	if err := setPIN(t, s, u.ID, "61937254"); err != nil {
		t.Fatal(err)
	}
	if report := check(t, s); report.Credentials != 2 || report.Revision != 4 {
		t.Errorf("%+v", report)
	}
	addUser(t, s, "Bob", "58310274") // it is free again
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return RemovePIN(tx, noon, u.ID, false) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return RemovePIN(tx, noon, u.ID, false) }); err == nil || !strings.Contains(err.Error(), "has no PIN") {
		t.Error(err)
	}
	check(t, s)
}

func TestAPINThatCannotBeHadLeavesTheOldOne(t *testing.T) {
	s, _ := newSite(t)
	u := addUser(t, s, "Ada", "58310274")
	addUser(t, s, "Bob", "61937254")
	before := check(t, s)
	if err := setPIN(t, s, u.ID, "61937254"); !errors.Is(err, ErrPINTaken) {
		t.Fatal(err)
	}
	if after := check(t, s); after != before {
		t.Errorf("%+v, before %+v", after, before)
	}
}

func TestACardIsOneUsers(t *testing.T) {
	s, _ := newSite(t)
	uid := []byte{0, 0, 0, 1} // leading zeros belong to it
	ada, bob := addUser(t, s, "Ada", "", uid), addUser(t, s, "Bob", "")
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return s.AddCard(tx, noon, "somebody", bob.ID, uid) }); err == nil || !strings.Contains(err.Error(), "… 00 01 is already assigned") {
		t.Error(err)
	}
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return s.RemoveCardUID(tx, noon, bob.ID, uid) }); err == nil || !strings.Contains(err.Error(), "Bob does not have") {
		t.Error(err)
	}
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return s.RemoveCardUID(tx, noon, ada.ID, uid) }); err != nil {
		t.Error(err)
	}
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return s.AddCard(tx, noon, "somebody", bob.ID, uid) }); err != nil {
		t.Error(err)
	}
	if err := tryUser(t.Context(), s, &store.User{Name: "Eve"}, "", []byte{4, 5, 6, 7}, []byte{4, 5, 6, 7}); err == nil {
		t.Error("one card twice is accepted")
	}
	if report := check(t, s); report.Users != 2 || report.Credentials != 1 {
		t.Errorf("%+v", report)
	}
}

func TestARemovedUserLeavesNothingBehind(t *testing.T) {
	s, _ := newSite(t)
	u := addUser(t, s, "Ada", "58310274", []byte{4, 1, 2, 3, 4, 5, 6}, []byte{1, 2, 3, 4})
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return RemoveUser(tx, noon, u.ID) }); err != nil {
		t.Fatal(err)
	}
	if report := check(t, s); report.Users != 0 || report.Credentials != 0 || report.Revision != 6 {
		t.Errorf("%+v", report)
	}
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return RemoveUser(tx, noon, u.ID) }); err == nil || !strings.Contains(err.Error(), "no user 1") {
		t.Error(err)
	}
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return s.AddCard(tx, noon, "somebody", u.ID, []byte{1, 2, 3, 4}) }); err == nil {
		t.Error("a user that is gone gets a card")
	}
	if err := setPIN(t, s, u.ID, "61937254"); err == nil {
		t.Error("a user that is gone gets a PIN")
	}
}

func TestAUserIsFoundByNumberOrByAnUnambiguousName(t *testing.T) {
	s, _ := newSite(t)
	ada := addUser(t, s, "Ada", "")
	addUser(t, s, "Bob", "")
	addUser(t, s, "Bob", "")
	find := func(who string) (u *store.User, err error) {
		err = s.View(t.Context(), func(tx *store.Tx) error { u, err = FindUser(tx, who); return err })
		return u, err
	}
	for who, want := range map[string]uint64{"1": ada.ID, "Ada": ada.ID, "3": 3} {
		if u, err := find(who); err != nil || u.ID != want {
			t.Errorf("%q: %v, %v", who, u, err)
		}
	}
	for who, want := range map[string]string{"Bob": "2, 3", "4": "no user 4", "Eve": `no user "Eve"`, "": "no user"} {
		if u, err := find(who); err == nil || u != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v", who, u, err)
		}
	}
}

func TestAUIDIsReadAsPeopleWriteIt(t *testing.T) {
	for text, want := range map[string]string{
		"04a1b2c3d4e580": "04a1b2c3d4e580", "04:A1:B2:C3:D4:E5:80": "04a1b2c3d4e580", "04-a1-b2-c3-d4-e5-80": "04a1b2c3d4e580", " 04 A1 B2 C3 D4 E5 80 ": "04a1b2c3d4e580",
		"00000001": "00000001", "00:01:02:03:04:05:06:07:08:09": "00010203040506070809", "0804a1b2c3d4e5": "0804a1b2c3d4e5",
	} {
		if uid, err := ParseNewUID(text); err != nil || hex.EncodeToString(uid) != want {
			t.Errorf("%q: %x, %v", text, uid, err)
		}
	}
	for text, want := range map[string]string{
		"08a1b2c3": "is random", "88a1b2c3": "enter all of it", "": "4, 7 or 10 bytes", "1": "hexadecimal", "0x01020304": "hexadecimal",
		"a1b2c3": "leading zeros", "a1b2c3d4e5": "4, 7 or 10", "12345678901234567890ab": "4, 7 or 10", "04 a1 b2 zz": "hexadecimal",
	} {
		if uid, err := ParseNewUID(text); err == nil || uid != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %x, %v", text, uid, err)
		}
	}
}
