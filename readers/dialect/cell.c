/* Small recognizers, each of which takes what it knows and says how far it came: see cell.h. */
#include "readers/dialect/cell.h"

#include <string.h>

enum { TYPED_BYTES_MAX = 48, WORD_BYTES_MAX = 8 };

/* What is left of a cell. */
typedef struct rest {
    const uint8_t *at;
    const uint8_t *end;
} rest;

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}

static rest trimmed(const sheaf__cell *cell)
{
    rest r = {cell->bytes, cell->bytes + cell->n_bytes};
    while (r.at < r.end && (*r.at == ' ' || *r.at == '\t'))
        r.at++;
    while (r.at < r.end && (r.end[-1] == ' ' || r.end[-1] == '\t'))
        r.end--;
    return r;
}

static uint8_t peek(const rest *r)
{
    return r->at < r->end ? *r->at : 0;
}

static bool take(rest *r, uint8_t byte)
{
    bool is_there = r->at < r->end && *r->at == byte;
    r->at += is_there;
    return is_there;
}

static bool take_one_of(rest *r, const char *bytes)
{
    bool is_there = r->at < r->end && *r->at != 0 && strchr(bytes, *r->at) != NULL;
    r->at += is_there;
    return is_there;
}

static size_t take_digits(rest *r)
{
    const uint8_t *from = r->at;
    while (r->at < r->end && is_digit(*r->at))
        r->at++;
    return (size_t)(r->at - from);
}

static bool is_word(const rest *r, const char *const *words)
{
    size_t n = (size_t)(r->end - r->at);
    if (n > WORD_BYTES_MAX)
        return false;
    for (; *words; words++) {
        size_t i = 0;
        while (i < n && (*words)[i] != '\0' && lower(r->at[i]) == (uint8_t)(*words)[i])
            i++;
        if (i == n && (*words)[n] == '\0')
            return true;
    }
    return false;
}

/* ---- numbers ---- */

static bool take_currency(rest *r)
{
    static const char *const signs[] = {"$", "\xE2\x82\xAC", "\xC2\xA3", "\xC2\xA5"};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        size_t n = strlen(signs[i]);
        if ((size_t)(r->end - r->at) >= n && memcmp(r->at, signs[i], n) == 0) {
            r->at += n;
            (void)take(r, ' ');
            return true;
        }
    }
    return false;
}

/* Groups of three digits, then decimals behind the other sign, or behind a sign that is alone. */
static bool take_digits_and_signs(rest *r)
{
    uint8_t group = 0;
    size_t whole = take_digits(r);
    while (peek(r) == ',' || peek(r) == '.') {
        rest before = *r;
        uint8_t sign = *r->at++;
        size_t n = take_digits(r);
        bool goes_on = peek(r) == ',' || peek(r) == '.';
        if (goes_on && n == 3 && whole > 0 && whole <= 3 && (group == 0 || group == sign)) {
            group = sign;
        } else if (goes_on || (group == sign && n != 3) || whole + n == 0) {
            *r = before;
            return false;
        } else {
            return true;
        }
    }
    return whole > 0;
}

static bool is_number(rest r)
{
    bool has_sign = take_one_of(&r, "+-");
    bool is_money = take_currency(&r);
    if (!has_sign)
        (void)take_one_of(&r, "+-");
    if (!take_digits_and_signs(&r))
        return false;
    if (take_one_of(&r, "eE")) {
        (void)take_one_of(&r, "+-");
        if (take_digits(&r) == 0)
            return false;
    }
    if (!is_money && !take(&r, '%') && r.at < r.end) {
        (void)take(&r, ' ');
        if (!take(&r, '%'))
            (void)take_currency(&r);
    }
    return r.at == r.end;
}

/* ---- moments ---- */

static bool take_month(rest *r)
{
    static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    if (r->end - r->at < 3)
        return false;
    for (size_t i = 0; i < 36; i += 3) {
        if (lower(r->at[0]) != (uint8_t)months[i] || lower(r->at[1]) != (uint8_t)months[i + 1] ||
            lower(r->at[2]) != (uint8_t)months[i + 2])
            continue;
        r->at += 3;
        while (r->at < r->end && lower(*r->at) >= 'a' && lower(*r->at) <= 'z')
            r->at++;
        return true;
    }
    return false;
}

/* 2024-05-31, 31.05.2024, 5/31/24, 31-May-2024. */
static bool take_day_in_digits(rest *r)
{
    size_t first = take_digits(r);
    uint8_t sign = peek(r);
    if (first == 0 || first > 4 || !take_one_of(r, "-./ "))
        return false;
    rest before = *r;
    size_t second = take_digits(r);
    if (second == 0) {
        *r = before;
        if (!take_month(r))
            return false;
        (void)take_one_of(r, ",");
        (void)take_one_of(r, "-./ ");
        size_t year = take_digits(r);
        return year == 2 || year == 4 || (year == 0 && r->at == r->end);
    }
    if (sign == ' ' || second > 2 || !take(r, sign))
        return false;
    size_t third = take_digits(r);
    return first == 4 ? third == 1 || third == 2
                      : first <= 2 && (third == 4 || (third == 2 && second > 0));
}

/* May 31, 2024; May-24. */
static bool take_day_with_month_first(rest *r)
{
    if (!take_month(r))
        return false;
    (void)take(r, '.');
    if (!take_one_of(r, " -"))
        return false;
    if (take_digits(r) == 0)
        return false;
    (void)take(r, ',');
    if (take_one_of(r, " -"))
        (void)take_digits(r);
    return true;
}

static bool take_time(rest *r)
{
    size_t n = take_digits(r);
    if (n == 0 || n > 2 || !take(r, ':') || take_digits(r) != 2)
        return false;
    if (take(r, ':')) {
        if (take_digits(r) != 2)
            return false;
        if (take_one_of(r, ".,"))
            (void)take_digits(r);
    }
    (void)take(r, ' ');
    if (take_one_of(r, "aApP"))
        return take_one_of(r, "mM");
    (void)take_one_of(r, "Zz");
    if (take_one_of(r, "+-")) {
        (void)take_digits(r);
        if (take(r, ':'))
            (void)take_digits(r);
    }
    return true;
}

static bool is_moment(rest r)
{
    rest day = r;
    if (take_time(&r))
        return r.at == r.end;
    r = day;
    if (!(is_digit(peek(&r)) ? take_day_in_digits(&r) : take_day_with_month_first(&r)))
        return false;
    if (r.at < r.end && take_one_of(&r, "Tt ,")) {
        (void)take(&r, ' ');
        if (!take_time(&r))
            return false;
    }
    return r.at == r.end;
}

/* ---- everything ---- */

static bool is_link(const rest *r)
{
    static const char *const begins[] = {"http://", "https://", "ftp://", "www."};
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        size_t n = strlen(begins[i]);
        if ((size_t)(r->end - r->at) > n && memcmp(r->at, begins[i], n) == 0)
            return true;
    }
    return false;
}

sheaf__cell_kind sheaf__cell_kind_of(const sheaf__cell *cell)
{
    static const char *const nulls[] = {"na", "n/a", "nan", "null", "none", "-",
                                        "--", "?",   ".",   "\\n",  "#n/a", NULL};
    static const char *const truths[] = {"true", "false", "yes", "no", NULL};
    rest r = trimmed(cell);
    size_t n = (size_t)(r.end - r.at);
    if (n == 0)
        return SHEAF__CELL_EMPTY;
    uint8_t first = *r.at;
    bool may_be_number = is_digit(first) || strchr("+-.,$\xE2\xC2", first) != NULL;
    if (n <= TYPED_BYTES_MAX && first != 0) {
        if (may_be_number && is_number(r))
            return SHEAF__CELL_NUMBER;
        if ((is_digit(first) || strchr("jfmasond", lower(first))) && is_moment(r))
            return SHEAF__CELL_MOMENT;
    }
    if (is_word(&r, nulls))
        return SHEAF__CELL_EMPTY;
    if (is_word(&r, truths))
        return SHEAF__CELL_TRUTH;
    return is_link(&r) ? SHEAF__CELL_LINK : SHEAF__CELL_TEXT;
}

/* "5 2": two numbers, or one that nobody writes so. */
static bool is_numbers_apart(rest r)
{
    bool has_blank = false;
    for (; r.at < r.end; r.at++) {
        if (!is_digit(*r.at) && *r.at != ' ' && *r.at != '.')
            return false;
        has_blank |= *r.at == ' ';
    }
    return has_blank;
}

bool sheaf__cell_is_odd(const sheaf__cell *cell, sheaf__cell_kind kind)
{
    if (cell->is_quoted || kind != SHEAF__CELL_TEXT)
        return false;
    rest r = trimmed(cell);
    if (*r.at == '"' || r.end[-1] == '"' || is_numbers_apart(r))
        return true;
    for (const uint8_t *at = r.at; at < r.end; at++) {
        if (*at > ';' && *at != '|' && *at != '~' && *at != '^')
            continue;
        bool separates = *at == ',' || *at == ';' || *at == '|' || *at == '~' || *at == '^' ||
                         *at == '\t' || *at == '\x01' || (*at >= '\x1c' && *at <= '\x1f');
        if (separates && (at + 1 == r.end || at[1] != ' '))
            return true;
    }
    return false;
}

static bool is_letter(uint8_t byte)
{
    return (lower(byte) >= 'a' && lower(byte) <= 'z') || byte >= 0x80;
}

/* A hash (FNV-1a) of the text, in which a run of letters or of digits is one character. */
uint32_t sheaf__cell_pattern(const sheaf__cell *cell, sheaf__cell_kind kind)
{
    rest r = trimmed(cell);
    uint32_t hash = 2166136261u;
    bool has_digit = false;
    bool has_sign = false;
    uint8_t before = 0;
    if (kind != SHEAF__CELL_TEXT || r.end - r.at > TYPED_BYTES_MAX)
        return 0;
    for (; r.at < r.end; r.at++) {
        uint8_t byte = is_digit(*r.at) ? '9' : is_letter(*r.at) ? 'a' : *r.at;
        has_digit |= byte == '9';
        has_sign |= byte != '9' && byte != 'a' && byte != ' ' && byte != '_';
        if (byte != before || (byte != '9' && byte != 'a'))
            hash = (hash ^ byte) * 16777619u;
        before = byte;
    }
    return has_digit && has_sign ? hash | 1 : 0;
}

bool sheaf__cell_number(const sheaf__cell *cell, long *number)
{
    rest r = trimmed(cell);
    size_t n = (size_t)(r.end - r.at);
    if (n == 0 || n > 9)
        return false;
    *number = 0;
    for (; r.at < r.end; r.at++) {
        if (!is_digit(*r.at))
            return false;
        *number = *number * 10 + (*r.at - '0');
    }
    return true;
}
