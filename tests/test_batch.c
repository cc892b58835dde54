/* Batches: fields go in and stay, whatever grows; limits; and what is kept for the next use. */
#include <string.h>

#include "engine/table/batch.h"
#include "tests/support_records.h"

TestSuite(batch, .timeout = 20);

static void add(sheaf__batch *batch, const void *text, size_t n_bytes)
{
    cr_assert_eq(sheaf__batch_reserve(batch, n_bytes, 1), SHEAF_OK);
    sheaf__batch_add_unsafe(batch, text, n_bytes);
}

Test(batch, is_empty_at_first)
{
    sheaf__batch *batch = sheaf__batch_create(NULL);
    cr_assert_eq(batch->n_bytes + batch->n_cells + batch->n_rows + batch->n_columns, 0);
    sheaf__batch_clear(batch, 0);
    cr_assert_eq(sheaf__batch_reserve(batch, 0, 0), SHEAF_OK);
    sheaf__batch_destroy(batch);
    sheaf__batch_destroy(NULL);
}

Test(batch, tells_null_from_empty)
{
    sheaf__batch *batch = sheaf__batch_create(NULL);
    add(batch, "a", 1);
    add(batch, NULL, 0);
    add(batch, "", 0);
    add(batch, "b\0c", 3);
    batch->n_columns = 2;
    batch->n_rows = 2;
    cr_assert_eq(batch->cells[1].n_bytes, SHEAF__NULL_CELL);
    cr_assert_eq(batch->cells[2].n_bytes, 0);
    blob rows = {0};
    put_batch(&rows, batch);
    cr_assert_eq(rows.n_bytes, 13);
    cr_assert_arr_eq(rows.bytes, "[a]~\n[][b\0c]\n", 13);
    blob_free(&rows);
    sheaf__batch_destroy(batch);
}

Test(batch, keeps_every_field_while_it_grows)
{
    enum { N = 300000 };
    sheaf__heap heap;
    sheaf__heap_init(&heap);
    sheaf__batch *batch = sheaf__batch_create(&heap);
    for (int round = 0; round < 3; round++) {
        char text[16];
        for (int i = 0; i < N; i++)
            add(batch, i % 7 ? text : NULL,
                i % 7 ? (size_t)snprintf(text, sizeof text, "%d", i) : 0);
        cr_assert_eq(batch->n_cells, N);
        for (int i = 0; i < N; i++) {
            const sheaf__cell *cell = &batch->cells[i];
            snprintf(text, sizeof text, "%d", i);
            cr_assert_eq(cell->n_bytes, i % 7 ? strlen(text) : SHEAF__NULL_CELL, "cell %d", i);
            cr_assert(i % 7 == 0 ||
                      memcmp(batch->bytes + cell->offset_bytes, text, cell->n_bytes) == 0);
        }
        sheaf__batch_clear(batch, round == 0 ? SIZE_MAX : 0);
        cr_assert_eq(batch->n_bytes + batch->n_cells, 0);
    }
    sheaf__batch_destroy(batch);
    sheaf__heap_end(&heap);
}

Test(batch, reserves_exactly_what_it_is_asked_at_least)
{
    sheaf__batch *batch = sheaf__batch_create(NULL);
    static const size_t sizes[] = {1, 100, 5, 1 << 20, 3, 5 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        cr_assert_eq(sheaf__batch_reserve(batch, sizes[i], sizes[i] / 8), SHEAF_OK);
        cr_assert_geq(batch->bytes_capacity - batch->n_bytes, sizes[i]);
        cr_assert_geq(batch->cells_capacity - batch->n_cells, sizes[i] / 8);
        memset(batch->bytes + batch->n_bytes, 1, sizes[i]);
        if (sizes[i] >= 8)
            memset(batch->cells + batch->n_cells, 1, sizes[i] / 8 * sizeof *batch->cells);
        batch->n_bytes += sizes[i];
        batch->n_cells += sizes[i] / 8;
    }
    sheaf__batch_destroy(batch);
}

/* Offsets have 32 bits. A batch that looks full costs no memory. */
Test(batch, refuses_more_text_than_offsets_can_tell)
{
    sheaf__batch *batch = sheaf__batch_create(NULL);
    static const size_t held[] = {0, 1, 100, UINT32_MAX - 1};
    for (size_t i = 0; i < sizeof held / sizeof held[0]; i++) {
        batch->n_bytes = batch->bytes_capacity = held[i];
        cr_assert_eq(sheaf__batch_reserve(batch, UINT32_MAX - held[i], 0), SHEAF_ELIMIT);
        cr_assert_eq(sheaf__batch_reserve(batch, UINT32_MAX, 0), SHEAF_ELIMIT);
        cr_assert_eq(sheaf__batch_reserve(batch, (size_t)1 << 40, 0), SHEAF_ELIMIT);
        cr_assert_eq(batch->bytes_capacity, held[i], "a refusal changes nothing");
    }
    uint8_t text = 'x';
    batch->bytes = &text; /* as if it were 4 GiB */
    batch->n_bytes = batch->bytes_capacity = UINT32_MAX - 1;
    cr_assert_eq(sheaf__batch_reserve(batch, 0, 1), SHEAF_OK, "a null needs no text");
    batch->n_bytes = batch->bytes_capacity = 0;
    sheaf__batch_destroy(batch);
}

Test(batch, keeps_its_memory_for_the_next_use)
{
    sheaf__batch *batch = sheaf__batch_create(NULL);
    cr_assert_eq(sheaf__batch_reserve(batch, 1000, 1000), SHEAF_OK);
    size_t footprint = sheaf__arena_footprint(batch->arena);
    uint8_t *bytes = batch->bytes;
    sheaf__batch_clear(batch, footprint);
    cr_assert_eq(batch->bytes, bytes);
    cr_assert_eq(sheaf__arena_footprint(batch->arena), footprint);
    cr_assert_eq(sheaf__batch_reserve(batch, 1000, 1000), SHEAF_OK);
    cr_assert_eq(sheaf__arena_footprint(batch->arena), footprint, "the same is asked for again");
    sheaf__batch_clear(batch, footprint - 1);
    cr_assert_null(batch->bytes);
    cr_assert_eq(batch->bytes_capacity + batch->cells_capacity, 0);
    cr_assert_eq(sheaf__arena_footprint(batch->arena), 0);
    add(batch, "again", 5);
    cr_assert_arr_eq(batch->bytes, "again", 5);
    sheaf__batch_destroy(batch);
}

Test(batch, starts_anew_in_each_use)
{
    sheaf__batch *batch = sheaf__batch_create(NULL);
    for (int round = 0; round < 10; round++) {
        add(batch, "first", 5);
        cr_assert_eq(batch->cells[0].offset_bytes, 0);
        batch->n_columns = batch->n_rows = 1;
        sheaf__batch_clear(batch, 1 << 20);
        cr_assert_eq(batch->n_rows + batch->n_columns + batch->n_bytes + batch->n_cells, 0);
    }
    sheaf__batch_destroy(batch);
}
