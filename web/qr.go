package web

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/boombuler/barcode/qr"
	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	lru "github.com/hashicorp/golang-lru/v2"

	"paycow/models"
)

// quietZone is the empty margin of a QR code that ISO/IEC 18004 requires, in modules.
const quietZone = 4

// qrCode is a drawn QR code.
type qrCode struct {
	size int    // of a side, in modules, with the quiet zone
	path string // of an SVG, with one unit for each module
}

// keptCodes bounds the QR codes that are kept: two for each of the payments that were looked at last. Each takes about
// 7 kB.
const keptCodes = 1000

// paymentCodes are the QR codes of the payments that were looked at last, by their content. Drawing one takes
// milliseconds, and a payment's page is loaded and updated many times.
var paymentCodes = newPaymentCodes()

func newPaymentCodes() *lru.Cache[string, qrCode] {
	cache, err := lru.New[string, qrCode](keptCodes)
	if err != nil {
		panic(err) // only for a size that is not above 0
	}
	return cache
}

// paymentCode returns the QR code of a text that is no secret, and keeps it.
func paymentCode(text string) (qrCode, error) {
	if code, isKept := paymentCodes.Get(text); isKept {
		return code, nil
	}
	code, err := drawQRCode(text)
	if err == nil {
		paymentCodes.Add(text, code)
	}
	return code, err
}

// drawQRCode returns the QR code of a text as an SVG path with one unit per module. Each run of dark modules is a
// rectangle. The error correction level is M: up to 15 % of the code may be covered.
func drawQRCode(text string) (qrCode, error) {
	code, err := qr.Encode(text, qr.M, qr.Unicode)
	if err != nil {
		return qrCode{}, fmt.Errorf("QR code: %w", err)
	}
	bounds := code.Bounds()
	isDark := func(x, y int) bool {
		r, _, _, _ := code.At(bounds.Min.X+x, bounds.Min.Y+y).RGBA()
		return r == 0
	}
	var b strings.Builder
	for y := range bounds.Dy() {
		for x := 0; x < bounds.Dx(); x++ {
			if !isDark(x, y) {
				continue
			}
			begin := x
			for x < bounds.Dx() && isDark(x, y) {
				x++
			}
			fmt.Fprintf(&b, "M%d %dh%dv1H%dz", begin+quietZone, y+quietZone, x-begin, begin+quietZone)
		}
	}
	return qrCode{size: bounds.Dx() + 2*quietZone, path: b.String()}, nil
}

// paymentRequest returns the EIP-681 URL that asks a wallet to transfer an amount of the token to an address.
func paymentRequest(token string, chainID uint64, address string, amount models.Amount) string {
	return fmt.Sprintf("ethereum:%s@%d/transfer?address=%s&uint256=%d", token, chainID, address, int64(amount))
}

// transferMethod is the token's transfer(address,uint256) (ERC-20).
var transferMethod = newTransferMethod()

func newTransferMethod() abi.Method {
	argument := func(kind string) abi.Argument {
		parsed, err := abi.NewType(kind, "", nil)
		if err != nil {
			panic(err) // only for a type that does not exist
		}
		return abi.Argument{Type: parsed}
	}
	return abi.NewMethod("transfer", "transfer", abi.Function, "nonpayable", false, false,
		abi.Arguments{argument("address"), argument("uint256")}, nil)
}

// transferCall returns the call data that transfers an amount of the token to an address, in hex.
func transferCall(address string, amount models.Amount) (string, error) {
	arguments, err := transferMethod.Inputs.Pack(common.HexToAddress(address), big.NewInt(int64(amount)))
	if err != nil {
		return "", fmt.Errorf("encode the transfer: %w", err)
	}
	return hexutil.Encode(slices.Concat(transferMethod.ID, arguments)), nil
}

// QRPicture returns the QR code of a text as an SVG document.
func QRPicture(text string) (string, error) {
	code, err := drawQRCode(text)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[1]d" shape-rendering="crispEdges">`+
		`<rect width="%[1]d" height="%[1]d" fill="#fff"/><path d="%[2]s"/></svg>`, code.size, code.path), nil
}
