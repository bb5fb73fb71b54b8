package main

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"
)

// A group is commands that the usage shows together.
type group struct {
	title    string
	commands []command
}

// groups is the table of all commands, in the order of the usage.
func groups() []group {
	return []group{
		{"The site", []command{
			{name: "init", args: "--site NAME", summary: "makes a new site in a directory", required: []string{"site"}, needs: aDirectory, prepare: initSite},
			{name: "join", args: "--database URL --storage-key FILE", summary: "makes a directory for one more controller of a site", required: []string{"database", "storage-key"}, needs: aDirectory, prepare: joinSite},
			{name: "serve", summary: "runs the controller", prepare: serve},
			{name: "settings", args: "show|set", summary: "how long activity is kept, the time zone, which readers take PINs", prepare: settings},
			{name: "check", summary: "reads everything that the site holds and says what is wrong", prepare: check},
			{name: "clock", args: "show|confirm", summary: "whether this machine's clock is in doubt", prepare: clockDoubt},
			{name: "authority", summary: "prints the certificate of the site's own authority, for what connects to it", prepare: authority},
			{name: "mail", args: "show|set|test|off", summary: "who is told by e-mail, of what", prepare: mailCommand},
			{name: "controller list", summary: "shows the controllers of the site, and which one leads", prepare: controllerList},
			{name: "cell list", summary: "shows the cells of the site, with their controllers and readers", prepare: cellList},
			{name: "cell show", args: "NAME", summary: "shows a cell, with its readers", prepare: cellShow},
			{name: "cell add", args: "NAME --broker URL…", summary: "adds a cell: brokers for some of the readers, with controllers of their own", prepare: cellAdd},
			{name: "cell edit", args: "NAME --broker URL…", summary: "has the readers of a cell go to other brokers", prepare: cellEdit},
			{name: "cell rename", args: "NAME NEW", summary: "renames a cell", prepare: cellRename},
			{name: "cell remove", args: "NAME", summary: "removes a cell that has no readers and no controllers", prepare: cellRemove},
			{name: "cell move", args: "READER… --to NAME", summary: "moves readers to another cell", required: []string{"to"}, prepare: cellMove},
			{name: "brokers", args: "show|set", summary: "to which brokers readers go, and how the controller's connections are", prepare: brokers},
			{name: "broker-config", args: "--out DIR", summary: "writes the configuration of a Mosquitto for the site", required: []string{"out"}, prepare: brokerConfig},
		}},
		{"Users, with their PINs and cards", []command{
			{name: "user add", args: "--name NAME", summary: "adds a user, with a PIN, a card or both", prepare: userAdd},
			{name: "user edit", args: "USER", summary: "changes a user's name, email, employee number, groups and dates", prepare: userEdit},
			{name: "user edit-several", args: "--user USER…", summary: "changes groups, dates or suspension of several users, all or none", prepare: userEditSeveral},
			{name: "user list", summary: "shows users, by name", prepare: userList},
			{name: "user show", args: "USER", summary: "shows a user, with PIN and cards and which cards can be copied", prepare: userShow},
			{name: "user access", args: "USER", summary: "shows which doors a user may open, when and how, and why not now", prepare: userAccess},
			{name: "user pin", args: "USER set|generate|remove", summary: "changes a user's PIN, which may have limits", prepare: userPIN},
			{name: "user duress-pin", args: "USER set|generate|remove", summary: "changes the PIN that a user enters under duress", prepare: userDuressPIN},
			{name: "user card", args: "USER add|remove UID | USER enrol|new READER | USER rekey|return UID|CARD READER", summary: "gives a user a card, with keys or without, or takes it away", prepare: userCard},
			{name: "user suspend", args: "USER", summary: "has readers forget a user's PIN and cards, which stay theirs", prepare: userSuspend(true)},
			{name: "user resume", args: "USER", summary: "ends that: PIN and cards open doors again", prepare: userSuspend(false)},
			{name: "user remove", args: "USER", summary: "removes a user with PIN and cards", prepare: userRemove},
			{name: "user import", args: "FILE", summary: "adds and changes users as a CSV file says, after a preview", prepare: userImport},
			{name: "user export", summary: "writes users as such a file", prepare: userExport},
			{name: "visitor invite", args: "--name NAME --until T --door DOOR…", summary: "gives a visitor a PIN for some doors and a time", prepare: visitorInvite},
			{name: "visitor list", summary: "shows visitors, those who leave first on top", prepare: visitorList},
			{name: "visitor end", args: "USER", summary: "ends a visit before its time", prepare: visitorEnd},
			{name: "card return", args: "READER", summary: "takes the keys of this site from a card that is nobody's", needs: aDirectory, prepare: cardReturn},
		}},
		{"Groups of users, and what they open", []command{
			{name: "group list", summary: "shows groups, with how many users and doors they have", prepare: groupList},
			{name: "group show", args: "GROUP", summary: "shows who is in a group, and which doors it opens and when", prepare: groupShow},
			{name: "group members", args: "GROUP add|remove --user USER…", summary: "puts users into a group, or takes them from it", prepare: groupMembers},
			{name: "group access", args: "GROUP give|take --site|--location NAME|--door NAME|--reader ID", summary: "lets a group open doors, or no more", prepare: groupAccess},
			{name: "group rename", args: "GROUP NAME", summary: "gives a group another name, for its users and at all doors", prepare: groupRename},
			{name: "group remove", args: "GROUP", summary: "takes a group from its users and from all doors", prepare: groupRemove},
		}},
		{"Readers and doors", []command{
			{name: "reader waiting", summary: "shows readers that wait to be adopted", prepare: readerWaiting},
			{name: "reader add", args: "--waiting FINGERPRINT --door NAME --group GROUP… | --reader ID --request FILE --out BUNDLE --group GROUP…", summary: "adopts a reader that waits, or answers the request in a file", prepare: readerAdd},
			{name: "reader add-several", args: "--requests DIR --out DIR --group GROUP…", summary: "answers a directory of requests", required: []string{"requests", "out"}, prepare: readerAddSeveral},
			{name: "reader list", summary: "shows all readers, and how they are if a controller runs on the site", prepare: readerList},
			{name: "reader grant", args: "--reader ID --out FILE", summary: "lets the TPM of a reader without a link check more PINs", required: []string{"reader", "out"}, prepare: readerGrant},
			{name: "reader renew-budget", args: "READER", summary: "gives a reader whose TPM has lost its budget a new one", prepare: readerRenew},
			{name: "reader remove", args: "READER", summary: "revokes a reader", prepare: readerRemove},
			{name: "tpm-authority", args: "list | add FILE | remove FINGERPRINT", summary: "whose certificates of TPMs are trusted when a reader is adopted", prepare: tpmAuthority},
			{name: "policy", args: "READER show|set", summary: "what a reader is told about its door", prepare: policy},
			{name: "place list", summary: "shows locations, hubs, doors and readers", prepare: placeList},
			{name: "place access", args: "door NUMBER", summary: "shows who may open a door, when and how, and why not now", prepare: placeAccess},
			{name: "place add", args: "location NAME | door NAME --location LOCATION | hub NAME --in LOCATION | door NAME --in HUB", summary: "adds a location, a hub or a door", prepare: placeAdd},
			{name: "place rename", args: "location|hub|door NUMBER NAME", summary: "renames one, on the readers' screens too", prepare: placeRename},
			{name: "place move", args: "door NUMBER HUB | reader READER DOOR", summary: "moves a door to another hub, or a reader to another door", prepare: placeMove},
			{name: "place visitors", args: "door NUMBER on|off", summary: "whether visitors may be invited to a door", prepare: placeVisitors},
			{name: "place remove", args: "location|hub|door NUMBER", summary: "removes one that is empty", prepare: placeRemove},
		}},
		{"Schedules: hours with names, for policies; and holidays", []command{
			{name: "schedule list", summary: "shows all schedules", prepare: scheduleList},
			{name: "schedule show", args: "NAME", summary: "shows a schedule, and where it is used", prepare: scheduleShow},
			{name: "schedule add", args: "NAME --mon HOURS … --holiday HOURS", summary: "adds a schedule", prepare: scheduleAdd},
			{name: "schedule edit", args: "NAME --mon HOURS …", summary: "changes hours, at all doors that use the schedule", prepare: scheduleEdit},
			{name: "schedule rename", args: "NAME NEW", summary: "renames a schedule", prepare: scheduleRename},
			{name: "schedule remove", args: "NAME", summary: "removes a schedule that no door uses", prepare: scheduleRemove},
			{name: "holiday list", summary: "shows the holidays of the site, which all doors have", prepare: holidayList},
			{name: "holiday add", args: "NAME --on DAY [--until DAY] [--yearly]", summary: "adds a holiday", required: []string{"on"}, prepare: holidayAdd},
			{name: "holiday edit", args: "NUMBER --on DAY …", summary: "changes a holiday", prepare: holidayEdit},
			{name: "holiday remove", args: "NUMBER", summary: "removes a holiday", prepare: holidayRemove},
			{name: "holiday remove-past", summary: "removes the holidays that are over and do not come again", prepare: holidayRemovePast},
			{name: "holiday import", args: "FILE", summary: "adds and changes holidays as an iCalendar file says, after a preview", prepare: holidayImport},
		}},
		{"Modes of doors", []command{
			{name: "mode set", args: "unlocked|locked|lockdown|evacuation --site|--location NAME|--door NAME|--reader ID", summary: "has doors work in a mode, also those whose readers are offline now", prepare: modeSet},
			{name: "mode list", summary: "shows which modes are wanted, and how far they have come", prepare: modeList},
			{name: "mode end", args: "NUMBER", summary: "ends a mode", prepare: modeEnd},
			{name: "mode early", args: "--site|--location NAME|--door NAME|--reader ID", summary: "locks doors before their unlock schedules do", prepare: modeEarly},
		}},
		{"Orders, which need a running controller", []command{
			{name: "unlock", args: "READER", summary: "opens a door once, and ends a lockout of its PIN entry", needs: aDirectory, prepare: unlock},
			{name: "identify", args: "READER", summary: "has a reader show which one it is", needs: aDirectory, prepare: identify},
		}},
		{"What has happened", []command{
			{name: "activity", summary: "shows what has happened at doors and what administrators have done", prepare: activity},
			{name: "audit", summary: "shows what administrators have done, and what they were refused", prepare: audit},
			{name: "records", summary: "shows what readers have reported, and what was noticed about them", prepare: records},
		}},
		{"Administrators of the console", []command{
			{name: "console-link", summary: "makes a link that lets the Owner in", prepare: consoleLink},
			{name: "sign-in", args: "show | passkeys --role ROLE… | oidc [FLAG…] | no-oidc", summary: "how administrators sign in", prepare: signIn},
			{name: "admin list", summary: "shows all administrators", prepare: adminList},
			{name: "admin add", args: "NAME --role ROLE", summary: "adds an administrator, who may be limited to locations", required: []string{"role"}, prepare: adminAdd},
			{name: "admin role", args: "NAME ROLE", summary: "gives an administrator another role", prepare: adminRole},
			{name: "admin limit", args: "NAME --location NAME…|--all-locations", summary: "has an administrator act at some locations only, or at all", prepare: adminLimit},
			{name: "admin link", args: "NAME", summary: "makes a link with which an administrator sets a new password", prepare: adminLink},
			{name: "admin sign-out", args: "NAME", summary: "ends an administrator's sessions", prepare: adminSignOut},
			{name: "admin remove", args: "NAME", summary: "removes an administrator, and ends their sessions", prepare: adminRemove},
		}},
		{"Programs, which use the API", []command{
			{name: "token list", summary: "shows all tokens", prepare: tokenList},
			{name: "token make", args: "NAME --scope SCOPE…", summary: "makes a token, with which a program acts", prepare: tokenMake},
			{name: "token revoke", args: "NAME", summary: "ends a token at once", prepare: tokenRevoke},
			{name: "broker-client", args: "list | add NAME | remove NAME", summary: "which programs, like Home Assistant, the readers' broker lets in, too", prepare: brokerClient},
			{name: "webhook list", summary: "shows where events are sent, and the hosts inside the network that are allowed", prepare: webhookList},
			{name: "webhook add", args: "NAME URL --event EVENT…", summary: "sends events to a URL from then on", prepare: webhookAdd},
			{name: "webhook secret", args: "NUMBER", summary: "makes a new secret, which signs from then on", prepare: webhookSecret},
			{name: "webhook remove", args: "NUMBER", summary: "sends nothing more there", prepare: webhookRemove},
			{name: "webhook test", args: "NUMBER", summary: "sends a test", prepare: webhookTest},
			{name: "webhook deliveries", args: "NUMBER", summary: "shows what was sent, and what did not arrive", prepare: webhookDeliveries},
			{name: "webhook resend", args: "NUMBER DELIVERY", summary: "sends again what did not arrive", prepare: webhookResend},
			{name: "webhook allow", args: "HOST", summary: "lets webhooks send to a host inside the network", prepare: webhookAllow},
			{name: "webhook forbid", args: "HOST", summary: "no longer lets webhooks send there", prepare: webhookForbid},
		}},
		{"Backups, and keys after a theft", []command{
			{name: "backup", args: "--out FILE --recipient age1… | --recipients-file FILE | --passphrase -", summary: "writes the site to an encrypted file", required: []string{"out"}, prepare: backUp},
			{name: "restore", args: "--from FILE --identity FILE | --passphrase -", summary: "makes a site from a backup", required: []string{"from"}, needs: aDirectory, prepare: restore},
			{name: "site rekey", summary: "begins a new epoch with a new site key", prepare: siteRekey},
			{name: "site move", args: "--to URL|sqlite", summary: "takes the site to another database, in full", required: []string{"to"}, prepare: siteMove},
			{name: "site storage-key", summary: "encrypts the secrets in the database with another key", prepare: siteStorageKey},
		}},
		{"This program", []command{
			{name: "help", args: "[COMMAND]", summary: "shows this, or a command's flags", needs: nothingElse, prepare: help},
			{name: "version", summary: "shows which version this is", needs: nothingElse, prepare: printVersion},
		}},
	}
}

const firstSite = `
USER is a user's number, or a name that only one user has.

A first site:

  latchkey-controller init --dir site --site home
  latchkey-controller user add --dir site --name "Ada Lovelace" --pin auto
  latchkeyd identity --data data --out request          (at the reader)
  latchkey-controller reader add --dir site --reader front-door --request request --out bundle --group everyone
  latchkeyd adopt --data data bundle                    (at the reader)
  latchkey-controller serve --dir site

Exit codes: 0 done, 1 failed, 2 wrong use.
`

// usage returns what the program prints when it is given nothing, and as help.
func usage() string {
	var b strings.Builder
	b.WriteString(`latchkey-controller keeps a site: its users with their PINs and cards, and its readers.

usage: latchkey-controller COMMAND --dir DIR …

DIR is the site's directory. Each command takes --help, which shows all its flags, and --json, where
a program may want to read what it prints.
`)
	for _, g := range groups() {
		fmt.Fprintf(&b, "\n%s:\n\n", g.title)
		for _, row := range g.commands {
			row.line(&b)
		}
	}
	b.WriteString(firstSite)
	return b.String()
}

// summaryColumn is where summaries begin in the usage.
const summaryColumn = 44

// line writes a command's line of the usage, or two if its arguments are long.
func (row *command) line(b *strings.Builder) {
	form := "  " + row.form("")
	if utf8.RuneCountInString(form)+2 > summaryColumn {
		fmt.Fprintf(b, "%s\n", form)
		form = ""
	}
	fmt.Fprintf(b, "%-*s%s\n", summaryColumn, form, row.summary)
}

// form returns a command with its arguments; dir is how --dir is written there.
func (row *command) form(dir string) string {
	form := row.name
	for _, part := range []string{dir, row.args} {
		if part != "" {
			form += " " + part
		}
	}
	return form
}

// printHelp prints the help of a command.
func (c *invocation) printHelp(row *command) {
	dir, more := "--dir DIR", " [flags]"
	if row.needs == nothingElse {
		dir, more = "", ""
	}
	fmt.Fprintf(c.err, "usage: latchkey-controller %s%s\n\n%s%s.\n", row.form(dir), more, strings.ToUpper(row.summary[:1]), row.summary[1:])
	if c.details != "" {
		fmt.Fprintf(c.err, "%s\n", c.details)
	}
	fmt.Fprintln(c.err)
	var flags strings.Builder
	c.SetOutput(&flags)
	defer c.SetOutput(c.err)
	c.PrintDefaults() // with one hyphen, where the documents have two
	fmt.Fprint(c.err, strings.ReplaceAll("\n"+flags.String(), "\n  -", "\n  --")[1:])
}

func help(c *invocation) action {
	return func(context.Context, []string) error {
		_, err := fmt.Fprint(c.out, usage())
		return err
	}
}

func printVersion(c *invocation) action {
	return func(context.Context, []string) error {
		_, err := fmt.Fprintln(c.out, "latchkey-controller", version)
		return err
	}
}
