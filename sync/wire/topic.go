package wire

import "strings"

// A Channel is what a topic is for: its last part.
type Channel string

// The channels. Each topic has the site's name in it, and all but those of the first
// two the reader's id.
const (
	OnCredentials Channel = "credentials" // a delta; the same for every reader
	OnHead        Channel = "head"        // the newest position in the log
	OnPolicy      Channel = "policy"
	OnKey         Channel = "key"
	OnCommand     Channel = "command"
	OnCard        Channel = "card" // keys for the card of a personalise
	OnNow         Channel = "now"
	OnReply       Channel = "reply"
	OnAck         Channel = "ack"
	OnState       Channel = "state"
	OnRecords     Channel = "records"
	OnFetch       Channel = "fetch"
)

const topicRoot = "latchkey/v1/"

// Topic returns the topic of a channel at a site. It ignores reader if the channel
// serves the whole site.
func (c Channel) Topic(site, reader string) string {
	if c == OnCredentials || c == OnHead {
		return topicRoot + site + "/" + string(c)
	}
	return topicRoot + site + "/" + reader + "/" + string(c)
}

// ParseTopic takes a topic apart. reader is "" if the topic serves the whole site. ok
// is false if no channel has such a topic.
func ParseTopic(topic string) (site, reader string, c Channel, ok bool) {
	rest, ok := strings.CutPrefix(topic, topicRoot)
	parts := strings.Split(rest, "/")
	if !ok || len(parts) < 2 || len(parts) > 3 {
		return "", "", "", false
	}
	site, c = parts[0], Channel(parts[len(parts)-1])
	ok = CheckName(site) == nil && (c == OnReply || c.Kind() != "")
	if len(parts) == 3 {
		reader = parts[1]
		ok = ok && CheckName(reader) == nil
	}
	if !ok || c.Topic(site, reader) != topic {
		return "", "", "", false
	}
	return site, reader, c, true
}

// Kind returns what the messages of a channel are signed as, "" for a reply and for
// what is no channel. All channels but OnCredentials are named after their kind.
func (c Channel) Kind() Kind {
	switch c {
	case OnCredentials:
		return KindDelta
	case OnHead, OnPolicy, OnKey, OnCommand, OnCard, OnNow, OnAck, OnState, OnRecords, OnFetch:
		return Kind(c)
	}
	return ""
}

// Retained says whether the messages of a channel are published as retained. On the
// other channels a retained message is refused.
func (c Channel) Retained() bool {
	return c == OnHead || c == OnPolicy || c == OnKey || c == OnState
}

// Limit returns the most bytes of a message, envelope included.
func (c Channel) Limit() int {
	switch c {
	case OnReply:
		return MaxReply
	case OnCredentials:
		return MaxDelta
	}
	return MaxMessage + envelopeOverhead
}
