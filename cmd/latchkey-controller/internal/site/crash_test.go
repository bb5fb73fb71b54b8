package site

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// The test binary adds users without end, or some, when it is started with
// these variables: it prints a line for each user that is added.
const (
	childDir   = "LATCHKEY_TEST_SITE"
	childUsers = "LATCHKEY_TEST_USERS"
	childName  = "LATCHKEY_TEST_NAME"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := addUsers(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func addUsers(dir string) error {
	ctx := context.Background()
	s, err := Open(ctx, dir)
	if err != nil {
		return err
	}
	defer s.Close()
	n, err := strconv.Atoi(os.Getenv(childUsers))
	if err != nil {
		return err
	}
	name := os.Getenv(childName)
	for i := range n {
		u := &store.User{Name: fmt.Sprintf("%s %d", name, i), Groups: []string{"staff"}}
		uid := func(kind byte) []byte { return []byte{4, kind, name[0], byte(i >> 16), byte(i >> 8), byte(i), 0} }
		if err := tryUser(ctx, s, u, "", uid(1), uid(2)); err != nil {
			return err
		}
		if i%3 == 2 {
			if err := s.Update(ctx, func(tx *store.Tx) error { return RemoveUser(tx, time.Now(), u.ID) }); err != nil {
				return err
			}
			continue
		}
		fmt.Println(u.Name)
	}
	return nil
}

// child returns a process that adds users.
func child(t *testing.T, dir, name string, users int) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childName+"="+name, childUsers+"="+strconv.Itoa(users))
	cmd.Stderr = os.Stderr
	return cmd
}

func TestAKilledProcessLeavesWholeUsersAndAWholeLog(t *testing.T) {
	s, dir := newSite(t)
	s.Close()
	wanted := map[string]bool{}
	for round := range 6 {
		cmd := child(t, dir, string(rune('a'+round)), 1_000_000)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for i := 0; lines.Scan(); i++ {
			wanted[lines.Text()] = true
			if i == 2+3*round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the process was not killed")
		}
		s, err := Open(t.Context(), dir)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		check(t, s)
		users := usersOf(t, s)
		there := map[string]bool{}
		for _, u := range users {
			there[u.Name] = true
			if len(u.Credentials) != 2 || len(u.Groups) != 1 {
				t.Errorf("round %d: half a user: %+v", round, u)
			}
		}
		for name := range wanted {
			if !there[name] {
				t.Errorf("round %d: %s is gone, who was added", round, name)
			}
		}
		s.Close()
	}
}

// A person is a user with their credentials.
type person struct {
	*store.User
	Credentials []*store.Credential
}

// usersOf returns all users of a site.
func usersOf(t *testing.T, s *Site) (all []person) {
	t.Helper()
	err := s.View(t.Context(), func(tx *store.Tx) error {
		users, err := tx.Users()
		for _, u := range users {
			credentials, err := tx.CredentialsOf(u.ID)
			if err != nil {
				return err
			}
			all = append(all, person{u, credentials})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestSeveralProcessesAddUsersAtOnce(t *testing.T) {
	s, dir := newSite(t)
	const each = 30
	var children []*exec.Cmd
	for _, name := range []string{"x", "y", "z"} {
		cmd := child(t, dir, name, each)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		children = append(children, cmd)
	}
	var failed error
	for _, cmd := range children {
		failed = errors.Join(failed, cmd.Wait())
	}
	if failed != nil {
		t.Fatal(failed)
	}
	report := check(t, s)
	if report.Users != 3*each*2/3 || report.Credentials != 2*report.Users || report.Revision != 3*(each*2+each/3*2) {
		t.Errorf("%+v", report)
	}
	users := usersOf(t, s)
	for _, u := range users {
		if !strings.Contains("xyz", u.Name[:1]) {
			t.Errorf("%+v", u)
		}
	}
}
