package desk

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// charge charges a wrong password to throttles. If that is refused, it returns how
// long to wait.
func (w *world) charge(throttles ...throttle) (wait time.Duration) {
	w.t.Helper()
	w.must(w.site.Update(w.t.Context(), func(tx *store.Tx) error {
		now, err := w.steady(tx)
		w.must(err)
		refused, err := charge(tx, now, throttles)
		var soon *TooSoonError
		if errors.As(refused, &soon) {
			wait = soon.Wait
		}
		return err
	}))
	return wait
}

func TestWrongPasswordsForAnAccountCostMoreAndMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	account := forAccount("Ada")
	var waits []time.Duration
	for range 16 {
		for wait := w.charge(account); wait > 0; wait = w.charge(account) {
			waits = append(waits, wait)
			w.time = w.time.Add(wait)
		}
	}
	want := []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300}
	if len(waits) != len(want) {
		t.Fatalf("%v", waits)
	}
	for i := range want {
		if waits[i] != want[i]*time.Second {
			t.Errorf("wait %d is %v, not %d s", i, waits[i], want[i])
		}
	}
	w.time = w.time.Add(forgetAfter)
	for range account.free {
		if wait := w.charge(account); wait != 0 {
			t.Error("remembered for longer than a day:", wait)
		}
	}
}

func TestAThrottleOutlivesTheProgramAndWaitsForTheRightPasswordToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.owner()
	for range forAccount("").free {
		if _, err := w.signIn("Ada Lovelace", "wrong password", here); err != ErrWrongSignIn {
			t.Fatal(err)
		}
	}
	again := New(Options{Site: w.site, Clock: w.clock})
	again.memory = cheap
	other := Client{Address: "198.51.100.1"}
	var soon *TooSoonError
	if _, err := again.SignIn(t.Context(), "Ada Lovelace", []byte(secret), other); !errors.As(err, &soon) || soon.Error() != "too many wrong passwords; try again in 1 second" {
		t.Fatal(err)
	}
	w.time = w.time.Add(soon.Wait)
	if _, err := again.SignIn(t.Context(), "Ada Lovelace", []byte(secret), other); err != nil {
		t.Fatal(err)
	}
	// The account's counter starts over.
	if _, err := w.signIn("Ada Lovelace", "wrong password", other); err != ErrWrongSignIn {
		t.Error(err)
	}
}

func TestStrangersAtTheSignInKeepNobodyFromTheirOwnSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.owner().Token
	for range forAccount("").free {
		if _, err := w.signIn("Ada Lovelace", "wrong password", here); err != ErrWrongSignIn {
			t.Fatal(err)
		}
	}
	w.must(w.SignInAgain(t.Context(), token, []byte(secret), here))
	for range forSession(token).free {
		if err := w.SignInAgain(t.Context(), token, []byte("wrong password"), here); err != ErrWrongSignIn {
			t.Fatal(err)
		}
	}
	var soon *TooSoonError
	if err := w.SignInAgain(t.Context(), token, []byte(secret), here); !errors.As(err, &soon) {
		t.Error("whoever has the session may try on and on:", err)
	}
}

func TestAnAddressThatTriesAllAccountsIsThrottled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := 0
	for ; w.charge(forAccount(fmt.Sprint("Admin ", n)), forAddress("2001:db8:1:2::"+fmt.Sprint(n))) == 0; n++ {
	}
	if n != forAddress("").free {
		t.Errorf("%d accounts were tried from one network", n)
	}
	if wait := w.charge(forAccount("Ada"), forAddress("2001:db8:1:3::1")); wait != 0 {
		t.Error("the neighbour waits:", wait)
	}
	if forAddress("::ffff:192.0.2.1").what != forAddress("192.0.2.1").what || forAddress("192.0.2.1").what == forAddress("192.0.2.2").what {
		t.Error("an address of IPv4 is not one")
	}
}

func TestASignInOfOnesOwnGivesAnAddressOneFailureBackOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	address := forAddress("192.0.2.7")
	for range 10 {
		w.charge(forAccount("Ada"), address)
		w.time = w.time.Add(10 * time.Minute)
	}
	w.charge(forAccount("Eve"), address)
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error {
		if err := refund(tx, []throttle{forAccount("Eve"), address}); err != nil {
			return err
		}
		th, err := tx.Throttle(address.what)
		if th.Failures != 10 {
			t.Errorf("%d failures", th.Failures)
		}
		return err
	}))
}

// As by a stand-by while the database server's clock was ahead.
func TestAThrottleOfATimeThatNeverCameWaitsNoLongerThanTheLongest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	account := forAccount("Ada")
	was := w.time
	w.time = was.Add(365 * day)
	for range account.free + 3 {
		w.charge(account)
	}
	w.time = was
	if wait := w.charge(account); wait != account.longest {
		t.Errorf("first it waits %v", wait)
	}
	w.time = was.Add(account.longest)
	if wait := w.charge(account); wait != 0 {
		t.Errorf("then it waits %v", wait)
	}
}
