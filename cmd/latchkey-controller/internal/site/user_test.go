package site

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestAClashOfPINsDoesNotSayThatSomebodyHasIt(t *testing.T) {
	s, _ := newSite(t)
	addUser(t, s, "Ada", "58310274")
	_, err := s.AddUser(t.Context(), noon, &store.User{Name: "Eve"}, chosen("58310274"), nil)
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

func TestAClashThatCannotBeNotedIsNotTold(t *testing.T) {
	s, _ := newSite(t)
	addUser(t, s, "Ada", "58310274")
	full := errors.New("disk full")
	audited := s.Audited(Audit{By: "Eve", After: func(*store.Tx, error) error { return full }})
	_, err := audited.AddUser(t.Context(), noon, &store.User{Name: "Eve"}, chosen("58310274"), nil)
	if errors.Is(err, ErrPINTaken) || !errors.Is(err, full) {
		t.Error(err)
	}
}

func TestAWeakPINIsRefusedWithTheReason(t *testing.T) {
	s, _ := newSite(t)
	for digits, want := range map[string]string{
		"11111111": "equal", "12345678": "up or down", "12121212": "repeats", "1234567": "eight digits",
		"123456789": "eight digits", "1234567a": "eight digits", "": "eight digits", "１２３": "eight digits",
	} {
		_, err := s.AddUser(t.Context(), noon, &store.User{Name: "Eve"}, chosen(digits), nil)
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
	u := &store.User{Name: "Ada"}
	digits, err := s.AddUser(t.Context(), noon, u, PIN{Choice: Auto}, nil)
	if err != nil || len(digits) != 8 {
		t.Fatalf("%d digits, %v", len(digits), err)
	}
	if _, err := s.AddUser(t.Context(), noon, &store.User{Name: "Eve"}, chosen(string(digits)), nil); !errors.Is(err, ErrPINTaken) {
		t.Errorf("the PIN that was shown is not the user's: %v", err)
	}
}

func TestANewPINTakesThePlaceOfTheOld(t *testing.T) {
	s, _ := newSite(t)
	u := addUser(t, s, "Ada", "58310274", []byte{4, 1, 2, 3, 4, 5, 6})
	if _, err := s.SetPIN(t.Context(), noon, u.ID, chosen("61937254")); err != nil {
		t.Fatal(err)
	}
	if report := check(t, s); report.Credentials != 2 || report.Revision != 4 {
		t.Errorf("%+v", report)
	}
	addUser(t, s, "Bob", "58310274") // it is free again
	if err := s.RemovePIN(t.Context(), noon, u.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.RemovePIN(t.Context(), noon, u.ID); err == nil || !strings.Contains(err.Error(), "has no PIN") {
		t.Error(err)
	}
	check(t, s)
}

func TestAPINThatCannotBeHadLeavesTheOldOne(t *testing.T) {
	s, _ := newSite(t)
	u := addUser(t, s, "Ada", "58310274")
	addUser(t, s, "Bob", "61937254")
	before := check(t, s)
	if _, err := s.SetPIN(t.Context(), noon, u.ID, chosen("61937254")); !errors.Is(err, ErrPINTaken) {
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
	if err := s.AddCard(t.Context(), noon, bob.ID, uid); err == nil || !strings.Contains(err.Error(), "… 00 01 is somebody's already") {
		t.Error(err)
	}
	if err := s.RemoveCard(t.Context(), noon, bob.ID, uid); err == nil || !strings.Contains(err.Error(), "Bob does not have") {
		t.Error(err)
	}
	if err := s.RemoveCard(t.Context(), noon, ada.ID, uid); err != nil {
		t.Error(err)
	}
	if err := s.AddCard(t.Context(), noon, bob.ID, uid); err != nil {
		t.Error(err)
	}
	if _, err := s.AddUser(t.Context(), noon, &store.User{Name: "Eve"}, PIN{}, [][]byte{{4, 5, 6, 7}, {4, 5, 6, 7}}); err == nil {
		t.Error("one card twice is accepted")
	}
	if report := check(t, s); report.Users != 2 || report.Credentials != 1 {
		t.Errorf("%+v", report)
	}
}

func TestARemovedUserLeavesNothingBehind(t *testing.T) {
	s, _ := newSite(t)
	u := addUser(t, s, "Ada", "58310274", []byte{4, 1, 2, 3, 4, 5, 6}, []byte{1, 2, 3, 4})
	if err := s.RemoveUser(t.Context(), noon, u.ID); err != nil {
		t.Fatal(err)
	}
	if report := check(t, s); report.Users != 0 || report.Credentials != 0 || report.Revision != 6 {
		t.Errorf("%+v", report)
	}
	if err := s.RemoveUser(t.Context(), noon, u.ID); err == nil || !strings.Contains(err.Error(), "no user 1") {
		t.Error(err)
	}
	if err := s.AddCard(t.Context(), noon, u.ID, []byte{1, 2, 3, 4}); err == nil {
		t.Error("a user that is gone gets a card")
	}
	if _, err := s.SetPIN(t.Context(), noon, u.ID, PIN{Choice: Auto}); err == nil {
		t.Error("a user that is gone gets a PIN")
	}
}

func TestAUserIsFoundByNumberOrByAnUnambiguousName(t *testing.T) {
	s, _ := newSite(t)
	ada := addUser(t, s, "Ada", "")
	addUser(t, s, "Bob", "")
	addUser(t, s, "Bob", "")
	for who, want := range map[string]uint64{"1": ada.ID, "Ada": ada.ID, "3": 3} {
		if u, err := s.FindUser(t.Context(), who); err != nil || u.ID != want {
			t.Errorf("%q: %v, %v", who, u, err)
		}
	}
	for who, want := range map[string]string{"Bob": "2, 3", "4": "no user 4", "Eve": `no user "Eve"`, "": "no user"} {
		if u, err := s.FindUser(t.Context(), who); err == nil || u != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v", who, u, err)
		}
	}
}

func TestAUserThatReadersWouldRefuseIsNotAdded(t *testing.T) {
	s, _ := newSite(t)
	for name, u := range map[string]store.User{
		"no name":                                {},
		"a blank name":                           {Name: "  "},
		"a name in two lines":                    {Name: "Ada\nLovelace"},
		"a long name":                            {Name: strings.Repeat("x", wire.MaxName+1)},
		"an odd group":                           {Name: "Ada", Groups: []string{"Staff"}},
		"ends before it is":                      {Name: "Ada", From: 10, Until: 10},
		"before 1970":                            {Name: "Ada", From: -1},
		"until the year 10000":                   {Name: "Ada", Until: wire.MaxTime + 1},
		"until 9999, in Kiribati the year 10000": {Name: "Ada", Until: wire.MaxTime},
		"from the year 10000":                    {Name: "Ada", From: wire.MaxTime + 1},
	} {
		if _, err := s.AddUser(t.Context(), noon, &u, PIN{}, nil); err == nil {
			t.Errorf("%s is added", name)
		}
	}
	u := store.User{Name: "Ada", Groups: []string{"staff", "everyone", "cleaners", "staff"}}
	if _, err := s.AddUser(t.Context(), noon, &u, PIN{}, [][]byte{{1, 2, 3, 4}}); err != nil {
		t.Error(err)
	}
	users, err := s.Users(t.Context())
	if err != nil || len(users) != 1 || strings.Join(users[0].Groups, " ") != "cleaners staff" || users[0].Count(wire.Card) != 1 || users[0].Count(wire.PIN) != 0 {
		t.Errorf("%+v, %v", users, err)
	}
	check(t, s)
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
		"08a1b2c3": "made up anew", "88a1b2c3": "write all of it", "": "4, 7 or 10 bytes", "1": "hexadecimal", "0x01020304": "hexadecimal",
		"a1b2c3": "leading zeros", "a1b2c3d4e5": "4, 7 or 10", "12345678901234567890ab": "4, 7 or 10", "04 a1 b2 zz": "hexadecimal",
	} {
		if uid, err := ParseNewUID(text); err == nil || uid != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %x, %v", text, uid, err)
		}
	}
}
