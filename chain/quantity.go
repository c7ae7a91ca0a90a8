package chain

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// quantity is a number as nodes write it: in hex after 0x, some with leading zeros, or as a JSON number. A text without
// 0x is refused: nothing says whether it is decimal.
type quantity uint64

// UnmarshalJSON reads a quantity.
func (q *quantity) UnmarshalJSON(text []byte) error {
	digits, base := string(text), 10
	if len(text) > 0 && text[0] == '"' {
		if err := json.Unmarshal(text, &digits); err != nil {
			return err
		}
		var ok bool
		if digits, ok = strings.CutPrefix(strings.ToLower(digits), "0x"); !ok {
			return fmt.Errorf("%s is not a number that begins with 0x", clip(string(text)))
		}
		base = 16
	}
	number, err := strconv.ParseUint(digits, base, 64)
	if err != nil {
		return fmt.Errorf("%s is not a number from 0 to 2^64-1", clip(string(text)))
	}
	*q = quantity(number)
	return nil
}
