package site

import (
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
)

func TestACheckFindsWhatWasTamperedWith(t *testing.T) {
	for statement, want := range map[string]string{
		`DELETE FROM changes WHERE revision = 2`:                                                         "does not follow",
		`DELETE FROM changes WHERE revision = 4`:                                                         "differs from the log",
		`UPDATE changes SET hash = randomblob(32) WHERE revision = 2`:                                    "does not follow",
		`UPDATE changes SET change = (SELECT change FROM changes WHERE revision = 1) WHERE revision = 2`: "does not follow",
		`UPDATE changes SET change = x'00' WHERE revision = 3`:                                           "change 3",
		`UPDATE users SET name = 'Eve' WHERE id = 1`:                                                     "differs from the log",
		`UPDATE users SET valid_until = 99 WHERE id = 2`:                                                 "differs from the log",
		`INSERT INTO user_groups VALUES (1, 'staff')`:                                                    "differs from the log",
		`DELETE FROM credentials WHERE id = 4`:                                                           "the log has 4 credentials, and the database 3",
		`UPDATE credentials SET tag = randomblob(16) WHERE id = 3`:                                       "differs from the log",
		`UPDATE credentials SET material = randomblob(60) WHERE id = 3`:                                  "decrypt card 3",
		`UPDATE credentials SET material = (SELECT material FROM credentials WHERE id = 2) WHERE id = 3`: "decrypt card 3",
		`UPDATE epochs SET key = randomblob(72)`:                                                         "decrypt site key",
	} {
		s, dir := newSite(t)
		uid := func(i byte) []byte { return []byte{4, 1, 2, 3, 4, 5, i} }
		addUser(t, s, "Ada", "", uid(1), uid(2))
		addUser(t, s, "Bob", "", uid(3), uid(4))
		check(t, s)
		sitetest.Execute(t, dir, statement)
		if _, err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", statement, err)
		}
	}
}
