from recstream_trainer.suggestions import closest


def test_the_nearest_word_is_suggested_if_any_is_near() -> None:
    assert closest("patence", ["patience", "metric"]) == " (did you mean 'patience'?)"
    assert closest("xyz", ["patience", "metric"]) == ""
