package desk

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// revision returns what stands for the fields of a form as they were shown:
// another one says that somebody has changed one of them.
func revision(fields any) string {
	b, err := json.Marshal(fields)
	if err != nil {
		panic(err) // they are texts and numbers
	}
	hash := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(hash[:16])
}

// meanwhile refuses a form that was filled in for something that has changed.
func changedMeanwhile(what string) *FieldError {
	return wrong(what, fmt.Sprintf("Somebody changed this %s meanwhile; look at it again", what))
}
