use super::*;

fn items(values: &[u8]) -> Vec<Item<'_>> {
    let mut reader = Reader::headless(values);
    std::iter::from_fn(|| reader.item()).collect()
}

#[test]
fn a_name_is_read_again_where_it_stands_and_nowhere_else() {
    let known = |number: u8, at: u32| [&[tag::KNOWN, number][..], &at.to_le_bytes()].concat();
    let values = |last: Vec<u8>| {
        [&[tag::TRUE, tag::NAME, 3, 2, b'i', b'd', tag::NAME, 3, 1, b'x'], &last[..], &[tag::END]].concat()
    };
    for (number, at, expected) in [(3, 1, &b"id"[..]), (3, 6, b"x")] {
        let expected =
            [Item::Boolean(true), Item::String(b"id"), Item::String(b"x"), Item::String(expected), Item::End];
        assert_eq!(items(&values(known(number, at))), expected);
    }
    // Another number, in the middle of one, no name, itself, behind the end: the parcel is broken there.
    for (number, at) in [(2, 1), (3, 2), (3, 0), (3, 10), (3, 11), (3, 1000), (3, u32::MAX)] {
        assert_eq!(items(&values(known(number, at))).len(), 3, "{number} at {at}");
    }
}

#[test]
fn the_next_index_is_told_before_its_value() {
    let bytes =
        [tag::BEGIN, tag::TRUE | LISTED, tag::BEGIN | LISTED, tag::END, tag::FALSE, tag::NIL, tag::END];
    let (begin, no) = (Item::Begin(Sizes::default()), Item::Boolean(false));
    let expected =
        [begin, Item::Listed, Item::Boolean(true), Item::Listed, begin, Item::End, no, Item::Nil, Item::End];
    assert_eq!(items(&bytes), expected);
}

#[test]
fn a_header_counts_values_names_and_tables() {
    let header = |count, names, tables: u32| {
        [head(count, names).to_le_bytes(), tables.to_le_bytes()].concat().into_iter().chain([tag::NIL; 40])
    };
    let bytes: Vec<u8> = header(7, NAMES, 9).collect();
    let reader = Reader::new(&bytes);
    assert_eq!((reader.count, reader.names, reader.tables, reader.left()), (7, NAMES, 9, 40));
    assert!(reader.is_plausible());
    for (count, names, tables) in [(41, 0, 0), (1, NAMES + 1, 0), (1, 0, 41), (COUNT, 0, 0)] {
        let bytes: Vec<u8> = header(count, names, tables).collect();
        assert!(!Reader::new(&bytes).is_plausible(), "{count}, {names}, {tables}");
    }
}
