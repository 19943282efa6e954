import pytest

from podbay.api.images import parse_image_name

SHA = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("kubia", "docker.io/library/kubia:latest"),
        ("wanstack/kubia", "docker.io/wanstack/kubia:latest"),
        ("index.docker.io/nginx:1.27", "docker.io/library/nginx:1.27"),
        ("localhost/a", "localhost/a:latest"),
        ("localhost:5000/a/b:x", "localhost:5000/a/b:x"),
        ("registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"),
        (f"a@{SHA}", f"docker.io/library/a@{SHA}"),
        (f"[::1]:5000/a:b@{SHA}", f"[::1]:5000/a:b@{SHA}"),
    ],
)
def test_a_name_is_spelled_out(text: str, full: str) -> None:
    assert str(parse_image_name(text)) == full


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "invalid reference format"),
        ("a b", "invalid reference format"),
        ("a:", "invalid reference format"),
        ("library/Nginx", "invalid reference format: repository name (library/Nginx) must be lowercase"),
        ("a" * 64, f"invalid repository name ({'a' * 64}), cannot specify 64-byte hexadecimal strings"),
    ],
)
def test_a_name_that_is_none_says_why(text: str, problem: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_image_name(text)
    assert str(caught.value) == f'couldn\'t parse image name "{text}": {problem}'
